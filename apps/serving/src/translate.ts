import type { MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';
import { DataType } from '@millrace/contracts/millrace/common/v1/table';
import type { FeatureService } from '@millrace/contracts/millrace/featurestore/v1/feature_view';
import type {
  DeploymentSchema,
  EndpointSchema,
  EndpointStatsSchema,
  PredictionLogFileSchema,
} from '@millrace/contracts/millrace/serving/v1/endpoint';
import type { ModelSignatureSchema, TensorSpecSchema } from '@millrace/contracts/millrace/training/v1/training_job';
import type { JobRow } from '@millrace/jobs';
import { toExecution } from '@millrace/jobs';
import type { FeaturePlan, ModelPlan, RequestColumnType } from './domain/model-plan.ts';
import { datatypeOfColumn } from './domain/model-plan.ts';
import type { EndpointRuntime } from './endpoint-runtime.ts';
import type { DeploymentRow } from './store/deployments.ts';
import type { EndpointRow } from './store/endpoints.ts';
import type { LogFileRow } from './store/log-files.ts';

/** The contract's form of an endpoint. */
export function endpointToProto(
  row: EndpointRow,
  deployment: MessageInitShape<typeof DeploymentSchema> | undefined,
  plan: ModelPlan | undefined,
): MessageInitShape<typeof EndpointSchema> {
  return {
    name: row.name,
    description: row.description,
    registeredModel: row.registeredModel,
    alias: row.alias,
    queueMax: row.queueMax,
    rowsMax: row.rowsMax,
    logPredictions: row.logPredictions,
    createTime: timestampFromDate(row.createdAt),
    etag: row.etag,
    ...(deployment && { deployment }),
    ...(plan && { signature: signatureOf(plan) }),
  };
}

/** The contract's form of a deployment. */
export function deploymentToProto(
  row: DeploymentRow,
  job: JobRow | undefined,
): MessageInitShape<typeof DeploymentSchema> {
  return {
    name: deploymentName(row),
    modelVersion: row.modelVersion,
    ...(job && { execution: toExecution(job) }),
    active: row.isActive,
    ...(row.activeAt && { activeTime: timestampFromDate(row.activeAt) }),
    ...(row.retiredAt && { retireTime: timestampFromDate(row.retiredAt) }),
  };
}

/** The name of a deployment. */
export function deploymentName({ endpoint, id }: { readonly endpoint: string; readonly id: string }): string {
  return `${endpoint}/deployments/${id}`;
}

/** The contract's form of a file of the prediction log. */
export function logFileToProto(row: LogFileRow): MessageInitShape<typeof PredictionLogFileSchema> {
  return {
    endpoint: row.endpoint,
    digest: row.digest,
    sizeBytes: BigInt(row.sizeBytes),
    rows: BigInt(row.rows),
    startTime: timestampFromDate(row.startAt),
    endTime: timestampFromDate(row.endAt),
    rowsByVersion: bigints(Object.entries(row.rowsByVersion)),
    createTime: timestampFromDate(row.createdAt),
    sequence: BigInt(row.sequence),
  };
}

/** The contract's form of what an endpoint has done. */
export function statsToProto({ stats, log, waiting }: EndpointRuntime): MessageInitShape<typeof EndpointStatsSchema> {
  return {
    succeeded: BigInt(stats.succeeded),
    failed: bigints(stats.failed),
    rowsByVersion: bigints(stats.rowsByVersion),
    loggedRows: BigInt(log.loggedRows),
    lostRows: BigInt(log.lostRows),
    latencyUs: Object.fromEntries([0.5, 0.9, 0.99].map((q) => [String(q), stats.latency.quantile(q)])),
    queued: BigInt(waiting),
  };
}

/**
 * What requests bring: the request columns of the feature service (the event time is optional), or the model's own
 * inputs where it has none.
 */
export function signatureOf(plan: ModelPlan): MessageInitShape<typeof ModelSignatureSchema> {
  const { features } = plan;
  const inputs: MessageInitShape<typeof TensorSpecSchema>[] = features
    ? features.columns.map(({ name, type }) => ({
        name,
        datatype: datatypeOfColumn(type),
        shape: [-1n, 1n],
        optional: name === features.eventTimeColumn,
      }))
    : plan.inputs.map(({ name, type, inner }) => ({ name, datatype: type.name, shape: [-1n, ...inner.map(BigInt)] }));
  return {
    inputs,
    outputs: plan.outputs.map(({ name, type, shape }) => ({ name, datatype: type.name, shape: shape.map(BigInt) })),
  };
}

/** How requests bring what a feature service looks up. */
export function featurePlanOf(service: FeatureService): FeaturePlan {
  return {
    service: service.name,
    columns: service.requestColumns.map(({ name, type }) => ({
      name,
      type: DataType[type] as RequestColumnType,
    })),
    eventTimeColumn: service.eventTimeColumn,
  };
}

function bigints(entries: Iterable<readonly [string, number]>): Record<string, bigint> {
  return Object.fromEntries([...entries].map(([key, value]) => [key, BigInt(value)]));
}
