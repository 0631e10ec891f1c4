/**
 * Events between services: emitted in the transaction that changes the state, delivered at least once and in commit
 * order per resource, with effects exactly once through the inbox of the consuming service.
 */
export type { EmitEvent } from './emit.ts';
export { createEmitter, decodeEvent, EVENT_DATA_MAX_BYTES, emitEvent } from './emit.ts';
export type { PostgresBus, PostgresBusOptions } from './postgresBus.ts';
export { busMigrations, createPostgresBus, eventsMigrations } from './postgresBus.ts';
export type {
  ConsumeOptions,
  ConsumerStats,
  DeliveryError,
  EventBus,
  EventContext,
  EventStats,
  NewEvent,
  ParkedEvent,
  ReceivedEvent,
  Running,
} from './types.ts';
