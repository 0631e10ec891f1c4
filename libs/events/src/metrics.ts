import type { Clock } from '@millrace/kernel';
import type { Attributes, Counter, Histogram, ObservableResult } from '@opentelemetry/api';
import { metrics } from '@opentelemetry/api';

type CounterName = 'delivered' | 'duplicates' | 'retried' | 'parked';

/** Counts of one consumer in this process. */
export interface ConsumerMetrics {
  /** Counts one event. */
  count(name: CounterName): void;
  /** Records how old an event was when its handler started. */
  observeAge(emittedTime: Date): void;
}

/** The instruments of one bus; also the numbers behind `EventBus.stats`. */
export class BusMetrics {
  readonly #clock: Clock;
  readonly #byConsumer = new Map<string, Record<CounterName, number>>();
  readonly #events: Counter;
  readonly #publishedEvents: Counter;
  readonly #age: Histogram;
  #published = 0;
  #lags: readonly { readonly name: string; readonly lag: number }[] = [];
  readonly #observeLag: (result: ObservableResult) => void;

  constructor(clock: Clock) {
    this.#clock = clock;
    const meter = metrics.getMeter('@millrace/events');
    this.#publishedEvents = meter.createCounter('millrace.events.published', { unit: '{event}' });
    this.#events = meter.createCounter('millrace.events.consumed', { unit: '{event}' });
    this.#age = meter.createHistogram('millrace.events.age', {
      unit: 's',
      description: 'From the emission of an event to the start of its handler.',
      advice: { explicitBucketBoundaries: [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.1, 0.5, 1, 5, 30, 300, 3600] },
    });
    const gauge = meter.createObservableGauge('millrace.events.lag', {
      unit: '{event}',
      description: 'Events in the log that a consumer has not finished, as of the last maintenance run.',
    });
    this.#observeLag = (result) => {
      for (const { name, lag } of this.#lags) result.observe(lag, { consumer: name });
    };
    gauge.addCallback(this.#observeLag);
  }

  get published(): number {
    return this.#published;
  }

  /** Counts events that a relay has put into the log. */
  addPublished(count: number, attributes: Attributes): void {
    this.#published += count;
    this.#publishedEvents.add(count, attributes);
  }

  /** What the lag gauge shows from now on. */
  setLags(lags: readonly { readonly name: string; readonly lag: number }[]): void {
    this.#lags = lags;
  }

  /** The counts of a consumer so far. */
  countsOf(consumer: string): Readonly<Record<CounterName, number>> {
    return this.#byConsumer.get(consumer) ?? { delivered: 0, duplicates: 0, retried: 0, parked: 0 };
  }

  /** What a consumer of this name counts with. */
  forConsumer(consumer: string): ConsumerMetrics {
    const counts = { ...this.countsOf(consumer) };
    this.#byConsumer.set(consumer, counts);
    return {
      count: (name) => {
        counts[name] += 1;
        this.#events.add(1, { consumer, outcome: name });
      },
      observeAge: (emittedTime) => {
        const ageMs = this.#clock.now().getTime() - emittedTime.getTime();
        this.#age.record(Math.max(0, ageMs) / 1000, { consumer });
      },
    };
  }
}
