import { timestampDate } from '@bufbuild/protobuf/wkt';
import { OrchestratorService } from '@millrace/contracts/millrace/orchestrator/v1/orchestrator_service';
import { AppError, names, notFound } from '@millrace/kernel';
import { decodePageToken, encodePageToken } from '@millrace/postgres';
import type { ServiceRegistration } from '@millrace/rpc';
import { implement } from '@millrace/rpc';
import { applyPipeline } from './apply/apply-pipeline.ts';
import { advanceCalendar } from './calendars.ts';
import { createRun } from './engine/create-run.ts';
import { definitionOf } from './engine/definition.ts';
import { cancelRun, retryRun } from './engine/engine.ts';
import type { StepDeps } from './engine/step-job.ts';
import { lineageOf } from './lineage/lineage.ts';
import { deletePipeline, getPipeline, listPipelines, lockPipeline } from './store/pipelines.ts';
import { listRuns } from './store/runs.ts';
import { listStepsOfRuns } from './store/steps.ts';
import { toPipeline, toPipelineRun } from './translate.ts';
import type { RunWithSteps } from './watch.ts';
import { readRun, watchRun } from './watch.ts';

const PAGE_DEFAULT = 100;
const DEPTH_DEFAULT = 10;

/** The gRPC handlers. */
export function createOrchestratorService(deps: StepDeps): ServiceRegistration {
  const { database } = deps;
  const present = async ({ run, steps }: RunWithSteps) => ({
    pipelineRun: toPipelineRun(run, steps, (await definitionOf(database, run.name)).pipeline),
  });
  const get = async (name: string) => {
    names.pipelineRun.parse(name, 'name');
    const found = await readRun(database, name);
    if (!found) throw notFound('PipelineRun', name);
    return await present(found);
  };
  return implement(OrchestratorService, {
    async applyPipeline({ pipeline, yaml, validateOnly }) {
      if (!pipeline) throw new Error('the request was validated');
      const applied = await applyPipeline(deps, { pipeline, yaml, validateOnly });
      return {
        pipeline: applied.pipeline,
        plan: applied.plan.map(({ name, kind, details }) => ({ name, kind, details: [...details] })),
      };
    },
    async getPipeline({ name }) {
      names.pipeline.parse(name, 'name');
      const row = await getPipeline(database, name);
      if (!row) throw notFound('Pipeline', name);
      return { pipeline: toPipeline(row) };
    },
    async listPipelines({ parent, pageSize, pageToken }) {
      names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const after = pageToken === '' ? '' : String(decodePageToken(pageToken)[0]);
      const rows = await listPipelines(database, parent, after, limit + 1);
      const page = rows.slice(0, limit);
      return {
        pipelines: page.map(toPipeline),
        nextPageToken: rows.length > limit ? encodePageToken([page.at(-1)?.name]) : '',
      };
    },
    async deletePipeline({ name, etag }) {
      names.pipeline.parse(name, 'name');
      await database.withTransaction(async (tx) => {
        const row = await lockPipeline(tx, name);
        if (!row) throw notFound('Pipeline', name);
        if (etag !== '' && etag !== row.etag) throw etagMismatch(name, etag, row.etag);
        await deletePipeline(tx, name);
      });
      return {};
    },
    async createPipelineRun({ pipeline, parameters, requestId }) {
      names.pipeline.parse(pipeline, 'pipeline');
      const { name } = await database.withTransaction(async (tx) => {
        const row = await getPipeline(tx, pipeline);
        if (!row) throw notFound('Pipeline', pipeline);
        return await createRun(tx, deps, row, { parameters, cause: 'manual', causeDetail: '', requestId });
      });
      return await get(name);
    },
    getPipelineRun: ({ name }) => get(name),
    async listPipelineRuns({ parent, pipeline, pageSize, pageToken }) {
      names.workspace.parse(parent, 'parent');
      const limit = pageSize || PAGE_DEFAULT;
      const before = pageToken === '' ? Number.MAX_SAFE_INTEGER : Number(decodePageToken(pageToken)[0]);
      const rows = await listRuns(database, { workspace: parent, pipeline, before, limit: limit + 1 });
      const page = rows.slice(0, limit);
      const steps = await listStepsOfRuns(
        database,
        page.map(({ name }) => name),
      );
      const runs = await Promise.all(page.map((run) => present({ run, steps: steps.get(run.name) ?? [] })));
      return {
        pipelineRuns: runs.map(({ pipelineRun }) => pipelineRun),
        nextPageToken: rows.length > limit ? encodePageToken([page.at(-1)?.sequence]) : '',
      };
    },
    async *watchPipelineRun({ name }, { signal }) {
      await get(name);
      for await (const state of watchRun(database, name, signal)) yield await present(state);
    },
    async cancelPipelineRun({ name }) {
      names.pipelineRun.parse(name, 'name');
      await database.withTransaction((tx) => cancelRun(tx, deps, name));
      return await get(name);
    },
    async retryPipelineRun({ name }) {
      names.pipelineRun.parse(name, 'name');
      await database.withTransaction((tx) => retryRun(tx, deps, name));
      return await get(name);
    },
    async advanceCalendar({ parent, calendar, time }) {
      names.workspace.parse(parent, 'parent');
      if (!time) throw new Error('the request was validated');
      const request = { workspace: parent, calendar, time: timestampDate(time) };
      return { pipelineRuns: [...(await advanceCalendar(database, deps, request))] };
    },
    async getLineage({ name, depthMax }) {
      return await lineageOf(deps.clients, name, depthMax || DEPTH_DEFAULT);
    },
  });
}

function etagMismatch(name: string, given: string, stored: string): AppError {
  return new AppError(
    'ABORTED',
    `Pipeline "${name}" has the etag "${stored}", not "${given}": it was changed meanwhile. Get it again first.`,
    { reason: 'ETAG_MISMATCH', fields: { name } },
  );
}
