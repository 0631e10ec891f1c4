/** The states of a `Watch…` stream, taken out of its responses. */
export async function* statesOf<R, T>(
  responses: AsyncIterable<R>,
  state: (response: R) => T | undefined,
): AsyncIterable<T> {
  for await (const response of responses) {
    const value = state(response);
    if (value !== undefined) yield value;
  }
}
