/** Lets a loop sleep until it is woken; being woken while it is busy is not lost. */
export class Wake {
  #isWoken = false;
  #resolve: () => void = () => {};

  /** Ends the present {@link wait}, or the next one at once. */
  wake(): void {
    this.#isWoken = true;
    this.#resolve();
  }

  /** Forgets earlier wakes: call before looking for work. */
  reset(): void {
    this.#isWoken = false;
  }

  /** Resolves when woken since the last {@link reset}, or after `timeoutMs`. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.#isWoken) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resolve = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }
}
