import {
  DeployStepSchema,
  MonitorStepSchema,
  PromoteStepSchema,
  RegisterStepSchema,
  TrainStepSchema,
} from '@millrace/contracts/millrace/orchestrator/v1/pipeline';
import { PromotionDecision } from '@millrace/contracts/millrace/registry/v1/registered_model';
import type { TrainingJob } from '@millrace/contracts/millrace/training/v1/training_job';
import type { ActionOutcome } from './action.ts';
import { action, optionalTime, requiredTime } from './action.ts';

const ALIAS_DEFAULT = 'champion';

/** Trains. Unchanged while its definition and training set are the same: training sets never change. */
export const train = action<typeof TrainStepSchema>({
  schema: TrainStepSchema,
  async start(spec, { clients, workspace, requestId, options }) {
    const { trainingSet, experiment, task, features, preprocessing, estimator, crossValidation, seed } = spec;
    const testStartTime = optionalTime('train.testStartTime', spec.testStartTime);
    const { testFraction, parityTolerance } = spec;
    const { trainingJob } = await clients.training.createTrainingJob(
      {
        parent: workspace,
        spec: {
          trainingSet,
          experiment,
          task,
          features,
          preprocessing,
          seed,
          ...(estimator && { estimator }),
          ...(crossValidation && { crossValidation }),
          ...(parityTolerance !== undefined && { parityTolerance }),
          split: { ...(testStartTime && { testStartTime }), ...(testFraction !== undefined && { testFraction }) },
        },
        requestId,
      },
      options,
    );
    return { resource: trainingJob?.name ?? '' };
  },
  async *watch(resource, _spec, { clients, options }) {
    for await (const { trainingJob } of clients.training.watchTrainingJob({ name: resource }, options)) {
      if (trainingJob) yield { execution: trainingJob.execution, outcome: () => trained(trainingJob) };
    }
  },
  stop: (resource, { clients, options }) => clients.training.cancelTrainingJob({ name: resource }, options),
  pins: async () => ({}),
});

/** Registers. Unchanged for the same training job: it gives the same version anyway. */
export const register = action<typeof RegisterStepSchema>({
  schema: RegisterStepSchema,
  async start({ registeredModel, trainingJob }, { clients, pipeline, pipelineRun, requestId, options }) {
    const { modelVersion } = await clients.registry.registerModelVersion(
      { registeredModel, trainingJob, pipelineRun, actor: pipeline, requestId },
      options,
    );
    const name = modelVersion?.name ?? '';
    return { outcome: { outputs: { modelVersion: name }, resource: name } };
  },
  pins: async () => ({}),
});

/** Moves an alias if the gates hold. Always runs: where the alias points is outside state. */
export const promote = action<typeof PromoteStepSchema>({
  schema: PromoteStepSchema,
  async start({ modelVersion, alias, gates }, { clients, pipeline, requestId, options }) {
    const { promotion } = await clients.registry.promoteModelVersion(
      { modelVersion, alias: alias || ALIAS_DEFAULT, gates, actor: pipeline, requestId },
      options,
    );
    return { resource: `${modelOf(modelVersion)}/promotions/${promotion?.id}` };
  },
  async *watch(resource, _spec, { clients, options }) {
    const [registeredModel = '', id = ''] = resource.split('/promotions/');
    for await (const { promotion } of clients.registry.watchPromotion({ registeredModel, id }, options)) {
      if (!promotion) continue;
      const decision = promotion.decision === PromotionDecision.PROMOTED ? 'PROMOTED' : 'REJECTED';
      const { modelVersion } = promotion;
      const broken = promotion.results.filter(({ holds }) => !holds);
      const message = broken.map(({ gate, evidence }) => `${gate}: ${evidence}`).join(' ');
      yield {
        execution: promotion.execution,
        outcome: () => ({ outputs: { decision, modelVersion }, message }),
      };
    }
  },
});

/** Lets an endpoint answer with a version, and waits until it does. Always runs: what serves is outside state. */
export const deploy = action<typeof DeployStepSchema>({
  schema: DeployStepSchema,
  async start({ endpoint, modelVersion }, { clients, requestId, options }) {
    const { deployment } = await clients.serving.deploy({ endpoint, modelVersion, requestId }, options);
    return { resource: deployment?.name ?? '' };
  },
  async *watch(resource, _spec, { clients, options }) {
    for await (const { deployment } of clients.serving.watchDeployment({ name: resource }, options)) {
      if (!deployment) continue;
      const { name, modelVersion, execution } = deployment;
      yield { execution, outcome: () => ({ outputs: { deployment: name, modelVersion } }) };
    }
  },
});

/** Judges a window. Always runs: predictions and truth are outside state. */
export const monitor = action<typeof MonitorStepSchema>({
  schema: MonitorStepSchema,
  async start(spec, { clients, requestId, options }) {
    const windowStart = requiredTime('monitor.windowStart', spec.windowStart);
    const windowEnd = optionalTime('monitor.windowEnd', spec.windowEnd);
    const { monitorRun } = await clients.monitoring.createMonitorRun(
      { monitor: spec.monitor, windowStart, ...(windowEnd && { windowEnd }), requestId },
      options,
    );
    return { resource: monitorRun?.name ?? '' };
  },
  async *watch(resource, _spec, { clients, options }) {
    for await (const { monitorRun } of clients.monitoring.watchMonitorRun({ name: resource }, options)) {
      if (!monitorRun) continue;
      const { name, execution, alerts, reports } = monitorRun;
      const rows = reports.reduce((sum, report) => sum + report.rows, 0n);
      yield { execution, outcome: () => ({ outputs: { monitorRun: name, alerts: String(alerts.length) }, rows }) };
    }
  },
});

function trained({ name, run, result }: TrainingJob): ActionOutcome {
  const metrics = Object.entries(result?.metrics ?? {}).map(([metric, value]) => [metric, String(value)]);
  return {
    outputs: { ...Object.fromEntries(metrics), trainingJob: name, run },
    rows: (result?.trainRows ?? 0n) + (result?.testRows ?? 0n),
  };
}

function modelOf(modelVersion: string): string {
  return modelVersion.slice(0, modelVersion.indexOf('/versions/'));
}
