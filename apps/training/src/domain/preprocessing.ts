import type { Preprocessing } from '@millrace/contracts/millrace/training/v1/training_job';
import type { FieldViolation } from '@millrace/kernel';
import type { ColumnPreprocessing, PreprocessingSpec, PreprocessingStep } from '@millrace/learning';
import type { InputColumn } from './plan.ts';
import { didYouMean } from './suggest.ts';

/** Most features of a one-hot step, a bound of `@millrace/learning`. */
const ONE_HOT_MAX = 1024;
const ONE_HOT_DEFAULT = 100;

/** What a column without any step gets: numbers as they are; texts in the order of their frequency. */
const DEFAULTS: Readonly<Record<InputColumn['kind'], PreprocessingStep>> = {
  number: { op: 'passthrough' },
  text: { op: 'ordinal', order: 'frequency' },
};

/**
 * Puts the steps of a request together for each column, in the order of the request. A step without columns applies to
 * all columns of its kind that no step names. Wrong steps are added to `violations`.
 */
export function planPreprocessing(
  given: readonly Preprocessing[],
  columns: readonly InputColumn[],
  violations: FieldViolation[],
): PreprocessingSpec {
  const kinds = new Map(columns.map(({ name, kind }) => [name, kind]));
  const named = new Set(given.flatMap((step) => step.columns));
  const steps = new Map<string, PreprocessingStep[]>(columns.map(({ name }) => [name, []]));
  for (const [i, item] of given.entries()) {
    const field = `spec.preprocessing[${i}]`;
    const wrong = (path: string, reason: string, description: string) =>
      violations.push({ field: `${field}${path}`, reason, description });
    const step = toStep(item.step, wrong);
    if (step === undefined) continue;
    const takes = kindOf(step);
    if (item.columns.length === 0) {
      for (const { name, kind } of columns) if (!named.has(name) && kind === takes) steps.get(name)!.push(step);
      continue;
    }
    for (const [j, name] of item.columns.entries()) {
      const kind = kinds.get(name);
      if (kind === undefined) {
        const hint = didYouMean(name, kinds.keys());
        wrong(`.columns[${j}]`, 'UNKNOWN_COLUMN', `"${name}" is not among the features of this training.${hint}`);
      } else if (kind === takes) steps.get(name)!.push(step);
      else if (kind === 'text' && step.op === 'impute' && step.strategy === 'mode') steps.get(name)!.push(step);
      else
        wrong(`.columns[${j}]`, 'COLUMN_KIND', `"${name}" holds ${kind}s; the step ${item.step.case} takes ${takes}s.`);
    }
  }
  return { columns: Object.fromEntries(columns.map(({ name, kind }) => [name, complete(steps.get(name)!, kind)])) };
}

/** A text column needs an encoder; without a step of its own it gets the default one, behind an imputation if there is one. */
function complete(steps: readonly PreprocessingStep[], kind: InputColumn['kind']): ColumnPreprocessing {
  if (steps.length === 0) return { steps: [DEFAULTS[kind]] };
  const needsEncoder = kind === 'text' && !steps.some(({ op }) => op === 'ordinal' || op === 'one_hot');
  return { steps: needsEncoder ? [...steps, DEFAULTS.text] : steps };
}

function kindOf({ op }: PreprocessingStep): InputColumn['kind'] {
  return op === 'one_hot' || op === 'ordinal' ? 'text' : 'number';
}

type Wrong = (path: string, reason: string, description: string) => void;

function toStep(step: Preprocessing['step'], wrong: Wrong): PreprocessingStep | undefined {
  switch (step.case) {
    case 'impute': {
      const { strategy, value, indicator } = step.value;
      if (strategy === 'constant') return { op: 'impute', strategy, value, indicator };
      const strategies = { mean: 'mean', most_frequent: 'mode' } as const;
      return { op: 'impute', strategy: strategies[strategy as 'mean'] ?? 'median', indicator };
    }
    case 'scale':
      return { op: step.value.method === 'min_max' ? 'min_max_scale' : 'standard_scale' };
    case 'oneHot': {
      const most = step.value.categoriesMax || ONE_HOT_DEFAULT;
      if (most <= ONE_HOT_MAX) return { op: 'one_hot', maxLevels: most, rare: 'zeros' };
      wrong(
        '.one_hot.categories_max',
        'OUT_OF_RANGE',
        `${most} is more than ${ONE_HOT_MAX}. Use "ordinal" for so many.`,
      );
      return undefined;
    }
    case 'ordinal': {
      const orders = { lexical: 'text', target: 'target' } as const;
      return { op: 'ordinal', order: orders[step.value.order as 'target'] ?? 'frequency' };
    }
    case 'passthrough':
      return { op: 'passthrough' };
    default:
      wrong('.step', 'STEP_MISSING', 'has no step. Give one of impute, scale, one_hot, ordinal, passthrough.');
      return undefined;
  }
}
