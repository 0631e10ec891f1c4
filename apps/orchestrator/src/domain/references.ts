/** What a `${…}` in a text of a pipeline stands for. */
export type Reference =
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'output'; readonly step: string; readonly output: string }
  | { readonly kind: 'scheduleTime' }
  | { readonly kind: 'event'; readonly path: string }
  | { readonly kind: 'runId' };

/** A `${…}` that stands in a text. */
export interface FoundReference {
  /** As it is written, with `${` and `}`. */
  readonly text: string;
  /** Undefined where it is none of the known forms. */
  readonly reference: Reference | undefined;
}

const REFERENCE = /\$\{([^{}]*)\}?/g;

/** All references of a text, in order; one that is not closed counts as an unknown form. */
export function findReferences(text: string): FoundReference[] {
  return [...text.matchAll(REFERENCE)].map(([whole, inner]) => ({
    text: whole,
    reference: whole.endsWith('}') ? parseReference((inner as string).trim()) : undefined,
  }));
}

/** The text with each reference replaced by what `lookUp` gives for it; unknown forms stay as they are. */
export function resolveText(text: string, lookUp: (reference: Reference) => string): string {
  return text.replace(REFERENCE, (whole: string, inner: string) => {
    const reference = parseReference(inner.trim());
    return reference ? lookUp(reference) : whole;
  });
}

function parseReference(inner: string): Reference | undefined {
  if (inner === 'schedule.time') return { kind: 'scheduleTime' };
  if (inner === 'run.id') return { kind: 'runId' };
  const parts = inner.split('.');
  const [root, first, second] = parts;
  if (root === 'parameters' && first && parts.length === 2) return { kind: 'parameter', name: first };
  if (root === 'steps' && first && second && parts.length === 3) return { kind: 'output', step: first, output: second };
  if (root === 'event' && first) return { kind: 'event', path: parts.slice(1).join('.') };
  return undefined;
}
