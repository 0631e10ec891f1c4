import type { GroupSpec } from '../tree/spec.ts';

const DATASET = { name: '<dataset>', about: 'Id or name of the dataset', complete: 'dataset' } as const;
const VERSION = {
  name: '<dataset>',
  about: 'Dataset (its newest published version), or a version: flights@3',
  complete: 'dataset',
} as const;

/** `millrace datasets …`. */
export const datasetCommands: GroupSpec = {
  name: 'datasets',
  about: 'Datasets and their versions',
  commands: [
    {
      name: 'ls',
      about: 'Lists datasets',
      examples: ['datasets ls'],
      load: async () => (await import('../actions/datasets.ts')).listDatasets,
    },
    {
      name: 'show',
      about: 'Shows a dataset or a version: columns, rows, where it came from, what was put aside',
      arguments: [VERSION],
      examples: ['datasets show flights', 'datasets show flights@3'],
      load: async () => (await import('../actions/datasets.ts')).showDataset,
    },
    {
      name: 'versions',
      about: 'Lists the versions of a dataset, newest first',
      arguments: [DATASET],
      options: [{ flags: '--limit <n>', about: 'Most versions to list (default: 50)' }],
      examples: ['datasets versions flights'],
      load: async () => (await import('../actions/datasets.ts')).listVersions,
    },
    {
      name: 'diff',
      about: 'Tells in what two versions of a dataset differ: rows, columns, files, distribution of each column',
      arguments: [
        { name: '<base>', about: 'The older version: flights@1', complete: 'dataset' },
        { name: '<target>', about: 'The newer version: flights@2, or only 2', complete: 'dataset' },
      ],
      examples: ['datasets diff flights@1 flights@2', 'datasets diff flights@1 2'],
      load: async () => (await import('../actions/datasets-diff.ts')).diffVersions,
    },
    {
      name: 'query',
      about: 'Runs a select statement over published versions, or over any version',
      arguments: [{ name: '<sql>', about: "A statement in DuckDB's dialect; `-`: standard input" }],
      options: [
        {
          flags: '--dataset <name=version...>',
          about: 'Version of a dataset, or dataset of another table name: flights=3, old=flights@1',
          complete: 'dataset',
        },
        { flags: '--limit <n>', about: 'Most rows to show (default: 100 in a table, 10000 otherwise)' },
        {
          flags: '--format <format>',
          about: 'How rows are written (default: table)',
          choices: ['table', 'csv', 'ndjson'],
        },
      ],
      examples: [
        'datasets query "select origin, count(*) n from flights group by 1 order by n desc"',
        'datasets query "select count(*) from flights" --dataset flights=1',
        'datasets query "select * from flights" --format csv > flights.csv',
      ],
      load: async () => (await import('../actions/datasets-query.ts')).queryDatasets,
    },
    {
      name: 'profile',
      about: 'Shows what the columns of a version hold: figures, histograms, most frequent values',
      arguments: [VERSION],
      options: [{ flags: '--column <column...>', about: 'Only these columns' }],
      examples: ['datasets profile flights', 'datasets profile flights@2 --column delay'],
      load: async () => (await import('../actions/datasets-profile.ts')).profileDataset,
    },
    {
      name: 'load',
      about: 'Loads files into a dataset, judges and publishes them; makes source and dataset where they are missing',
      arguments: [{ name: '<paths...>', about: 'Files or globs that the platform can read', complete: 'file' }],
      options: [
        { flags: '--into <dataset>', about: 'The dataset; required', complete: 'dataset' },
        {
          flags: '--format <format>',
          about: 'How rows are written down (default: by the extension)',
          choices: ['parquet', 'csv', 'ndjson'],
        },
        { flags: '--key <column...>', about: 'Columns that identify a row: rows with the same key are replaced' },
        { flags: '--cursor <column>', about: 'Loads only rows that are newer by this column than those loaded before' },
        { flags: '--replace', about: 'Takes the place of all rows' },
        {
          flags: '--contract <contract>',
          about: "Judges by this data contract (default: the one with the dataset's id, if there is one)",
        },
        {
          flags: '--infer-contract',
          about: 'Makes a data contract from these rows, for later loads, where the dataset has none',
        },
        { flags: '--delimiter <text>', about: 'CSV: what separates columns (default: ,)' },
      ],
      examples: [
        'datasets load sales.csv --into sales',
        "datasets load 'exports/*.ndjson' --into orders --key id --infer-contract",
        'datasets load events.parquet --into events --cursor created_at',
      ],
      load: async () => (await import('../actions/datasets-load.ts')).loadDataset,
    },
  ],
};

/** `millrace dead-letters …`. */
export const deadLetterCommands: GroupSpec = {
  name: 'dead-letters',
  about: 'Rows that did not make it into a version, and the rules that they broke',
  commands: [
    {
      name: 'ls',
      about: 'Lists the dead letters of a dataset, by rule',
      arguments: [DATASET],
      options: [
        { flags: '--rule <rule>', about: 'Only those that broke this rule' },
        { flags: '--in-version <version>', about: 'Only those of this version' },
        {
          flags: '--state <state>',
          about: 'Only those in this state (default: open)',
          choices: ['open', 'replayed', 'all'],
        },
        { flags: '--limit <n>', about: 'Most to list (default: 20)' },
      ],
      examples: ['dead-letters ls flights', 'dead-letters ls flights --rule distance-plausible'],
      load: async () => (await import('../actions/dead-letters.ts')).listDeadLetters,
    },
    {
      name: 'export',
      about: 'Writes dead letters as NDJSON, ready to be corrected and replayed: {"id": …, "row": {…}, "rules": […]}',
      arguments: [DATASET],
      options: [
        { flags: '--rule <rule>', about: 'Only those that broke this rule' },
        { flags: '--in-version <version>', about: 'Only those of this version' },
        {
          flags: '--state <state>',
          about: 'Only those in this state (default: open)',
          choices: ['open', 'replayed', 'all'],
        },
        { flags: '--limit <n>', about: 'Most to write (default: all)' },
      ],
      examples: ['dead-letters export flights > corrections.ndjson'],
      load: async () => (await import('../actions/dead-letters.ts')).exportDeadLetters,
    },
    {
      name: 'replay',
      about: 'Loads dead letters again, as they are or corrected, and publishes the new version',
      arguments: [DATASET],
      options: [
        { flags: '--corrections <file>', about: 'NDJSON file with {"id": …, "row": {…}} a line', complete: 'file' },
        { flags: '--corrected-only', about: 'Replays only the rows that are corrected' },
        { flags: '--rule <rule>', about: 'Only those that broke this rule' },
        { flags: '--in-version <version>', about: 'Only those of this version' },
        {
          flags: '--contract <contract>',
          about: "Judges by this data contract (default: the one with the dataset's id, if there is one)",
        },
      ],
      examples: ['dead-letters replay flights --corrections corrections.ndjson --corrected-only'],
      load: async () => (await import('../actions/dead-letters.ts')).replayDeadLetters,
    },
  ],
};
