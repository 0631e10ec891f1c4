import { datasetCommands, deadLetterCommands } from '../groups/data.ts';
import { featureCommands, modelCommands, runCommands } from '../groups/models.ts';
import { pipelineCommands } from '../groups/pipelines.ts';
import { platformCommands, upCommand } from '../groups/platform.ts';
import { alertCommands, driftCommands, endpointCommands, eventCommands, traceCommands } from '../groups/serving.ts';
import type { CommandSpec, GroupSpec, OptionSpec } from './spec.ts';

/**
 * All commands. The options of `up` are the settings of the platform's configuration: reading them loads the platform's
 * code, so it is done only where they are needed.
 */
export async function commandTree(args: readonly string[]): Promise<(GroupSpec | CommandSpec)[]> {
  const needsSettings = args.includes('up') || args[0] === 'completion' || args[0] === '__complete';
  const settings: readonly OptionSpec[] = needsSettings ? (await import('../up/settings.ts')).settingOptions() : [];
  const [status, ...further] = platformCommands;
  return [
    upCommand(settings),
    status as CommandSpec,
    pipelineCommands,
    datasetCommands,
    deadLetterCommands,
    featureCommands,
    runCommands,
    modelCommands,
    endpointCommands,
    driftCommands,
    alertCommands,
    traceCommands,
    eventCommands,
    ...further,
  ];
}
