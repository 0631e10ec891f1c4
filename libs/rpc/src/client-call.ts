import type { Metadata } from '@grpc/grpc-js';
import type { AppError } from '@millrace/kernel';
import type { GrpcChannel } from './channel.ts';
import { statusName } from './codes.ts';
import type { GrpcStatus } from './errors.ts';
import { fromGrpcStatus } from './errors.ts';

const CANCELLED = 1;

/** One attempt of a call, on buffers. Messages are asked for one by one, so nothing piles up at a slow reader. */
export class ClientCall {
  readonly #call: ReturnType<GrpcChannel['open']>;
  readonly #mapError: (error: AppError) => AppError;
  readonly #unsent = new Set<() => void>();
  #message: Buffer | undefined;
  #status: GrpcStatus | undefined;
  #wake: (() => void) | undefined;

  /** `mapError` puts a better error in the place of what the status tells, where the client knows more. */
  constructor(
    channel: GrpcChannel,
    path: string,
    deadlineMs: number,
    metadata: Metadata,
    mapError: (error: AppError) => AppError,
  ) {
    this.#mapError = mapError;
    this.#call = channel.open(path, deadlineMs);
    this.#call.start(metadata, {
      onReceiveMetadata: () => {},
      onReceiveMessage: (message: Buffer) => {
        this.#message = message;
        this.#wake?.();
      },
      onReceiveStatus: (status) => {
        this.#status = status;
        for (const release of this.#unsent) release();
        this.#wake?.();
      },
    });
  }

  /** Whether the server has given its last word. */
  get isOver(): boolean {
    return this.#status !== undefined;
  }

  /** Sends a message; resolves when there is room for the next one, or the call is over. */
  send(message: Buffer): Promise<void> {
    if (this.#status) return Promise.resolve();
    return new Promise((resolve) => {
      const release = () => {
        this.#unsent.delete(release);
        resolve();
      };
      this.#unsent.add(release);
      this.#call.sendMessageWithContext({ callback: release }, message);
    });
  }

  /** Sends the only message of a unary call. */
  sendOnly(message: Buffer): void {
    this.#call.sendMessageWithContext({}, message);
    this.#call.halfClose();
  }

  /** No more messages will be sent. */
  halfClose(): void {
    if (!this.#status) this.#call.halfClose();
  }

  /** The next message; undefined at a good end. Throws the AppError of any other end. */
  async read(): Promise<Buffer | undefined> {
    if (!this.#status) this.#call.startRead();
    while (this.#message === undefined && this.#status === undefined) await this.#event();
    return this.#take();
  }

  /** The one message of a unary answer, given when its status is known. */
  async readOnly(): Promise<Buffer | undefined> {
    this.#call.startRead();
    while (this.#status === undefined) await this.#event();
    if (this.#status.code !== 0) this.#message = undefined;
    return this.#take();
  }

  /** Gives the call up; the status CANCELLED follows. */
  cancel(): void {
    if (!this.#status) this.#call.cancelWithStatus(CANCELLED, statusName(CANCELLED));
  }

  #take(): Buffer | undefined {
    const message = this.#message;
    this.#message = undefined;
    if (message !== undefined || this.#status?.code === 0) return message;
    throw this.#mapError(fromGrpcStatus(this.#status!));
  }

  #event(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
