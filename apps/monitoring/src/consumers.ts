import { PredictionsLoggedSchema } from '@millrace/contracts/millrace/serving/v1/serving_events';
import { decodeEvent, type Running } from '@millrace/events';
import type { Database } from '@millrace/postgres';
import type { Platform } from '@millrace/process';
import { logFileOf } from './log-index.ts';
import { insertLogFiles } from './store/log-files.ts';

/** Keeps the index of prediction log files up to date. */
export function consumePredictionLogs(platform: Platform, database: Database): Promise<Running> {
  return platform.bus.consume({
    name: 'monitoring.prediction-logs',
    database,
    subjects: ['millrace.serving.v1.predictions.logged'],
    async handler(event, { tx }) {
      const { file } = decodeEvent(PredictionsLoggedSchema, event);
      if (file) await insertLogFiles(tx, [logFileOf(file)]);
    },
    concurrency: 2,
  });
}
