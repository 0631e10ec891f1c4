import type { FeatureType, Value } from './types.ts';

/** Comparison operators. `distinct` and `same` are IS [NOT] DISTINCT FROM: null equals null, and the answer is never null. */
export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>=' | 'distinct' | 'same';

/**
 * A checked feature expression: a closed tree in which every node has its type, every conversion is written out, and every
 * function is one of {@link FUNCTIONS}. Made by `compileExpression` only.
 */
export type Expression =
  | { readonly kind: 'column'; readonly type: FeatureType; readonly name: string }
  | { readonly kind: 'literal'; readonly type: FeatureType; readonly value: Value }
  | {
      readonly kind: 'call';
      readonly type: FeatureType;
      /** The function's name in the list. */
      readonly name: string;
      /** Which of the function's overloads, from 0. */
      readonly overload: number;
      readonly args: readonly Expression[];
    }
  | {
      readonly kind: 'shift';
      readonly type: 'timestamp';
      /** The moment that is moved. */
      readonly from: Expression;
      readonly sign: 1 | -1;
      /** How many times `unitSize` units. */
      readonly amount: Expression;
      readonly unit: 'month' | 'microsecond';
      readonly unitSize: bigint;
    }
  | {
      readonly kind: 'case';
      readonly type: FeatureType;
      readonly branches: readonly { readonly when: Expression; readonly result: Expression }[];
      readonly otherwise: Expression;
    }
  | { readonly kind: 'cast'; readonly type: FeatureType; readonly operand: Expression }
  | {
      readonly kind: 'compare';
      readonly type: 'boolean';
      readonly operator: Comparison;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: 'between';
      readonly type: 'boolean';
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
    }
  | {
      readonly kind: 'in';
      readonly type: 'boolean';
      readonly operand: Expression;
      readonly list: readonly Expression[];
    }
  | {
      readonly kind: 'logic';
      readonly type: 'boolean';
      readonly operator: 'and' | 'or';
      readonly args: readonly Expression[];
    }
  | { readonly kind: 'not'; readonly type: 'boolean'; readonly operand: Expression }
  | { readonly kind: 'isNull'; readonly type: 'boolean'; readonly operand: Expression }
  | { readonly kind: 'coalesce'; readonly type: FeatureType; readonly args: readonly Expression[] };

/** The parts of an expression, left to right. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'column':
    case 'literal':
      return [];
    case 'call':
    case 'logic':
    case 'coalesce':
      return expression.args;
    case 'shift':
      return [expression.from, expression.amount];
    case 'case':
      return [...expression.branches.flatMap((b) => [b.when, b.result]), expression.otherwise];
    case 'compare':
      return [expression.left, expression.right];
    case 'between':
      return [expression.operand, expression.low, expression.high];
    case 'in':
      return [expression.operand, ...expression.list];
    default:
      return [expression.operand];
  }
}

/** The names of all columns that an expression reads, sorted. */
export function columnsOf(expression: Expression): string[] {
  const found = new Set<string>();
  const visit = (node: Expression): void => {
    if (node.kind === 'column') found.add(node.name);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(expression);
  return [...found].sort();
}
