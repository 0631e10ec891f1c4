import type { Delivery } from './delivery.ts';
import type { LoggedEvent } from './store.ts';

/** The position is saved this long after it has moved, in milliseconds, with all that happened meanwhile. */
const SAVE_AFTER_MS = 100;

/** How far an active consumer has read, what of it is unfinished, and what of that is saved. */
export class Progress {
  /** Whether reading has paused because too much is unfinished. */
  isBlocked = false;
  readonly #save: (position: number) => Promise<void>;
  #readTo: number;
  #saved: number;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> = Promise.resolve();
  /** Positions in ascending order, since sets keep the order of insertion. */
  readonly #unfinished = new Set<number>();
  readonly #replays = new Set<string>();

  constructor(position: number, save: (position: number) => Promise<void>) {
    this.#readTo = position;
    this.#saved = position;
    this.#save = save;
  }

  /** All positions up to here have been read. */
  get readTo(): number {
    return this.#readTo;
  }

  /** The low-water mark: all at or below it is finished. */
  get position(): number {
    const first = this.#unfinished.values().next();
    return first.done ? this.#readTo : first.value - 1;
  }

  /** An event has been read. Positions come in ascending order. */
  begin(event: LoggedEvent): void {
    this.#unfinished.add(event.position);
  }

  /** False when the replay is under way already. */
  beginReplay(eventId: string): boolean {
    if (this.#replays.has(eventId)) return false;
    this.#replays.add(eventId);
    return true;
  }

  /** All positions up to `readTo` have been read, and what is wanted of them has begun. */
  advance(readTo: number): void {
    this.#readTo = readTo;
    this.#saveSoon();
  }

  /** A delivery has been handled or parked. */
  finish({ event, isReplay }: Delivery): void {
    if (isReplay) this.#replays.delete(event.id);
    else this.#unfinished.delete(event.position);
    this.#saveSoon();
  }

  /** Saves what is left to save. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#saving;
    await this.#saveNow();
  }

  #saveSoon(): void {
    if (this.#timer !== undefined || this.position <= this.#saved) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#saving = this.#saving.then(() => this.#saveNow());
    }, SAVE_AFTER_MS);
  }

  /** A position that cannot be saved is saved later, or events come again and the inbox leaves them out. */
  async #saveNow(): Promise<void> {
    const position = this.position;
    if (position <= this.#saved) return;
    try {
      await this.#save(position);
      this.#saved = position;
    } catch {
      // The next movement tries again.
    }
  }
}
