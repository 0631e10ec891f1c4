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
  const needsSettings = args.includes('up');
  const settings: readonly OptionSpec[] = needsSettings ? (await import('../up/settings.ts')).settingOptions() : [];
  const [status, ...further] = platformCommands;
  const tree = [
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
  return [...tree, completeCommand(tree)];
}

/** What the completion scripts call at each press of the tab key. */
function completeCommand(tree: readonly (GroupSpec | CommandSpec)[]): CommandSpec {
  return {
    name: '__complete',
    about: 'Tells the words that may stand at the end of a command line',
    arguments: [{ name: '[words...]', about: 'The words after `millrace`, the last one unfinished' }],
    examples: ['__complete -- datasets show fl'],
    hidden: true,
    load: async () => (await import('../completion/completion.ts')).completeFrom(tree),
  };
}
