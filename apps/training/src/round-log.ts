import type { JobContext } from '@millrace/jobs';
import { addPoints, type NewPoint } from './store/metrics.ts';
import type { Progress } from './worker/messages.ts';

/** Points written together at most this often, in milliseconds. */
const WRITE_EVERY_MS = 1000;

/**
 * Writes the losses of boosting rounds to the run of the same id as its job, batched, each write behind the job's fence.
 * A later attempt writes the same points again, which changes nothing.
 */
export class RoundLog {
  readonly #context: Pick<JobContext, 'id' | 'commit' | 'logger'>;
  readonly #now: () => Date;
  #points: NewPoint[] = [];
  #writing: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(context: Pick<JobContext, 'id' | 'commit' | 'logger'>, now: () => Date) {
    this.#context = context;
    this.#now = now;
  }

  /** Takes the losses of one round. */
  add({ round, trainingLoss, validationLoss }: NonNullable<Progress['round']>): void {
    const losses = { training_loss: trainingLoss, validation_loss: validationLoss };
    for (const [key, value] of Object.entries(losses))
      if (value !== undefined) this.#points.push({ key, value, step: round, time: undefined });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#writing = this.#writing.then(() => this.#write());
    }, WRITE_EVERY_MS).unref();
  }

  /** Writes what is left; throws when that fails. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#writing;
    const points = this.#points;
    this.#points = [];
    if (points.length > 0) await this.#context.commit((tx) => addPoints(tx, this.#context.id, points, this.#now()));
  }

  /** A failed write keeps its points for the next one. */
  async #write(): Promise<void> {
    const points = this.#points;
    this.#points = [];
    try {
      await this.#context.commit((tx) => addPoints(tx, this.#context.id, points, this.#now()));
    } catch (error) {
      this.#points = [...points, ...this.#points];
      this.#context.logger.warn('the losses of rounds could not be written yet', { err: error });
    }
  }
}
