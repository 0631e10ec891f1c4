/** Where a value of the online store stands at the moment asked for. */
export type Freshness = 'fresh' | 'outside-max-age';

/** What is known about a row and its view. All moments in microseconds since 1970-01-01T00:00:00Z. */
export interface Age {
  /** The moment asked for; undefined: none, then no age is judged. */
  readonly at: bigint | undefined;
  /** The last refresh boundary at or before it. */
  readonly boundary: bigint | undefined;
  /** When the row's values became valid; undefined: there is no row. */
  readonly event: bigint | undefined;
  readonly isPushed: boolean;
  /** The newest boundary for which the view was computed; undefined: none. */
  readonly materialized: bigint | undefined;
}

/**
 * A computed row holds from its own boundary up to the newest boundary for which the view was computed: at each of them it
 * would have been written had it changed. It is fresh when that newest boundary is the one that training would use for the
 * moment asked for. A pushed row is fresh from its event time on, until a boundary has passed.
 */
export function judge({ at, boundary, event, isPushed, materialized }: Age): Freshness {
  if (at === undefined || boundary === undefined) return 'fresh';
  if (isPushed && event !== undefined) return event >= boundary && event <= at ? 'fresh' : 'outside-max-age';
  const valid = event !== undefined && (materialized === undefined || event > materialized) ? event : materialized;
  return valid === boundary ? 'fresh' : 'outside-max-age';
}
