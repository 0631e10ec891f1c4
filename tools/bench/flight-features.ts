import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { type MillraceClient, untilEnded } from '@millrace/client';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { FeatureViewSchema } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import { AggregateFunction } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type { TrainingSet } from '@millrace/contracts/millrace/featurestore/v1/training_set';
import { W } from './flights.ts';
import { statesOf } from './states-of.ts';

/** The views of `examples/flight-delays`. */
export type FlightView = 'origin' | 'destination' | 'route';

const FEATURE_SERVICE = `${W}/featureServices/flight-delays`;
const LATE = 'case when delay >= 15 then 1.0 else 0.0 end';
const { MEAN, COUNT } = AggregateFunction;
const days = (n: number) => ({ seconds: BigInt(n * 86_400) });
const mean = (name: string, expression: string, n: number) => ({ name, expression, aggregate: MEAN, window: days(n) });
const airport = [
  mean('late_rate_1d', LATE, 1),
  mean('late_rate_7d', LATE, 7),
  mean('mean_delay_1d', 'delay', 1),
  mean('mean_delay_7d', 'delay', 7),
];
const features = {
  origin: airport,
  destination: airport,
  route: [
    mean('late_rate_28d', LATE, 28),
    mean('mean_delay_28d', 'delay', 28),
    { name: 'flights_28d', expression: 'delay', aggregate: COUNT, window: days(28) },
  ],
};
const joinKeys = { origin: ['origin'], destination: ['destination'], route: ['origin', 'destination'] };

/** Applies some of the example's views on the dataset `flights`, and a feature service of them. */
export async function applyFlightFeatures(client: MillraceClient, views: readonly FlightView[]): Promise<void> {
  await client.featureStore.applyFeatureViews({
    parent: W,
    entities: views.map((id) => ({
      name: `${W}/entities/${id}`,
      joinKeys: joinKeys[id].map((name) => ({ name, type: DataType.STRING })),
    })),
    featureViews: views.map(
      (id): MessageInitShape<typeof FeatureViewSchema> => ({
        name: `${W}/featureViews/${id}`,
        entity: `${W}/entities/${id}`,
        dataset: `${W}/datasets/flights`,
        eventTime: 'date',
        availableTime: 'date + to_minutes(greatest(delay, 0))',
        refresh: days(1),
        features: features[id],
      }),
    ),
    featureServices: [
      {
        name: FEATURE_SERVICE,
        eventTimeColumn: 'date',
        requestColumns: [
          { name: 'date', type: DataType.TIMESTAMP },
          { name: 'distance', type: DataType.INT64, passThrough: true },
          { name: 'origin', type: DataType.STRING, passThrough: true },
          { name: 'destination', type: DataType.STRING, passThrough: true },
        ],
        views: views.map((id) => ({ featureView: `${W}/featureViews/${id}` })),
        requestFeatures: [
          { name: 'minute_of_day', expression: "date_part('hour', date) * 60 + date_part('minute', date)" },
          { name: 'day_of_week', expression: "date_part('isodow', date)" },
        ],
      },
    ],
  });
}

/** Makes the training set of the flights within [start, end), dates of the form `2001-01-31`, with whether they were late. */
export async function makeTrainingSet(client: MillraceClient, start: string, end: string): Promise<TrainingSet> {
  const { trainingSet } = await client.featureStore.createTrainingSet({
    parent: W,
    spec: {
      featureService: FEATURE_SERVICE,
      labelDataset: `${W}/datasets/flights`,
      label: 'delay >= 15',
      startTime: timestampFromMs(Date.parse(`${start}T00:00:00Z`)),
      endTime: timestampFromMs(Date.parse(`${end}T00:00:00Z`)),
    },
  });
  return untilEnded(statesOf(client.featureStore.watchTrainingSet({ name: trainingSet!.name }), (r) => r.trainingSet));
}
