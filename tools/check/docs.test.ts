/** What documents show must be so: pipeline files, command lines, links. */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { expect, test } from '@jest/globals';
import { parsePipelineFile } from '@millrace/pipelines';
import type { CommandSpec, GroupSpec } from '../../apps/cli/src/tree/spec.ts';
import { commandTree } from '../../apps/cli/src/tree/tree.ts';
import { checkPipeline } from '../../apps/orchestrator/src/domain/check-pipeline.ts';

const root = resolve(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/**/*.md'], { cwd: root });
const texts = new Map(pages.map((page) => [page, readFileSync(join(root, page), 'utf8')]));
const EVERYWHERE = ['--json', '--dir', '--address', '--workspace', '--help'];

/** The fenced blocks of a language on all pages, as [page, text]. */
function blocks(language: string): [string, string][] {
  const fence = new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm');
  return [...texts].flatMap(([page, text]) =>
    [...text.matchAll(fence)].map(([, block]): [string, string] => [page, block as string]),
  );
}

test('pipeline files on all pages are valid', () => {
  const found = blocks('yaml');
  expect(found.length).toBeGreaterThan(5);
  for (const [page, yaml] of found)
    for (const { pipeline } of parsePipelineFile(yaml, { path: page, workspace: 'default' }))
      expect([page, pipeline.name, ...checkPipeline(pipeline)]).toEqual([page, pipeline.name]);
});

test('command lines on all pages name commands and options that there are', async () => {
  const tree = await commandTree([]);
  const lines = blocks('sh').flatMap(([page, block]) =>
    [...block.matchAll(/npm run (?:--silent )?millrace -- (.*)/g)].map(([, line]) => ({ page, line: line as string })),
  );
  expect(lines.length).toBeGreaterThan(20);
  for (const { page, line } of lines) {
    const words = line
      .replace(/'[^']*'|"[^"]*"/g, 'quoted')
      .split(/\s+[|#>]/, 1)[0]!
      .split(/\s+/);
    const unknown = words.filter((word) => word.startsWith('-') && !optionsOf(tree, words).includes(word));
    expect([page, line, ...unknown]).toEqual([page, line]);
  }
});

test('links between pages lead somewhere', () => {
  for (const [page, text] of texts)
    for (const [, target = ''] of text.matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g))
      expect([page, target, existsSync(join(root, dirname(page), target))]).toEqual([page, target, true]);
});

/** Long and short options of the command that the words begin with; none when there is no such command. */
function optionsOf(tree: readonly (GroupSpec | CommandSpec)[], [first, second]: readonly string[]): string[] {
  const found = tree.find(({ name }) => name === first);
  const command = found && 'commands' in found ? found.commands.find(({ name }) => name === second) : found;
  expect([first, second, command !== undefined]).toEqual([first, second, true]);
  const flags = ((command as CommandSpec).options ?? []).flatMap(
    (option) => option.flags.match(/--?[a-z][a-z-]*/g) ?? [],
  );
  return [...EVERYWHERE, ...flags];
}
