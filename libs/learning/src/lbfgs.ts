/** A smooth function: writes its gradient at `x` into `gradient` and gives its value. */
export type Objective = (x: Float64Array, gradient: Float64Array) => number;

/** Bounds of a minimisation. */
export interface MinimizeOptions {
  readonly iterationsMax: number;
  /** Stops once no component of the gradient is larger. */
  readonly gradientTolerance: number;
  /** Called after each iteration, with the value reached; may throw to stop. */
  readonly onIteration?: (iteration: number, value: number) => void;
}

/** Pairs of steps and gradient changes that are kept. */
const HISTORY = 10;

/** Points tried on one line. */
const LINE_TRIES_MAX = 30;

/** Steps in a row that no longer lower the value, after which the end of float64 is reached. */
const FLAT_STEPS_MAX = 3;

/**
 * Minimises a convex function by L-BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5), with the weak Wolfe
 * line search by bisection of Lewis and Overton (2013, section 3). Deterministic. `x` is moved in place.
 */
export function minimize(objective: Objective, x: Float64Array, options: MinimizeOptions) {
  const n = x.length;
  let gradient: Float64Array = new Float64Array(n);
  let value = objective(x, gradient);
  const steps: Float64Array[] = [];
  const changes: Float64Array[] = [];
  let iteration = 0;
  let flat = 0;
  for (
    ;
    flat < FLAT_STEPS_MAX && iteration < options.iterationsMax && maxAbs(gradient) > options.gradientTolerance;
    iteration++
  ) {
    const direction = descent(gradient, steps, changes);
    const start = iteration === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const found = searchLine(objective, x, value, gradient, direction, start);
    if (!found) break;
    const step = new Float64Array(n);
    const change = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      step[i] = found.x[i]! - x[i]!;
      change[i] = found.gradient[i]! - gradient[i]!;
    }
    if (dot(step, change) > 1e-300) {
      steps.push(step);
      changes.push(change);
      if (steps.length > HISTORY) {
        steps.shift();
        changes.shift();
      }
    }
    flat = value - found.value <= 4 * Number.EPSILON * Math.abs(value) ? flat + 1 : 0;
    x.set(found.x);
    gradient = found.gradient;
    value = found.value;
    options.onIteration?.(iteration + 1, value);
  }
  return { x, value, iterations: iteration, converged: maxAbs(gradient) <= options.gradientTolerance };
}

/** The two-loop recursion: minus the approximate inverse Hessian times the gradient. */
function descent(gradient: Float64Array, steps: readonly Float64Array[], changes: readonly Float64Array[]) {
  const direction = gradient.map((g) => -g);
  const alphas: number[] = [];
  for (let k = steps.length - 1; k >= 0; k--) {
    const alpha = dot(steps[k]!, direction) / dot(steps[k]!, changes[k]!);
    alphas[k] = alpha;
    add(direction, changes[k]!, -alpha);
  }
  const last = steps.length - 1;
  if (last >= 0) {
    const scale = dot(steps[last]!, changes[last]!) / dot(changes[last]!, changes[last]!);
    for (let i = 0; i < direction.length; i++) direction[i]! *= scale;
  }
  for (let k = 0; k < steps.length; k++) {
    const beta = dot(changes[k]!, direction) / dot(steps[k]!, changes[k]!);
    add(direction, steps[k]!, alphas[k]! - beta);
  }
  return direction;
}

function searchLine(
  objective: Objective,
  x: Float64Array,
  value: number,
  gradient: Float64Array,
  direction: Float64Array,
  start: number,
) {
  const slope = dot(gradient, direction);
  if (!(slope < 0)) return undefined;
  let [low, high, step] = [0, Number.POSITIVE_INFINITY, start];
  let best: { x: Float64Array; gradient: Float64Array; value: number } | undefined;
  for (let i = 0; i < LINE_TRIES_MAX; i++) {
    const at = x.map((xi, j) => xi + step * direction[j]!);
    const atGradient = new Float64Array(x.length);
    const atValue = objective(at, atGradient);
    if (!(atValue <= value + 1e-4 * step * slope)) high = step;
    else {
      best = { x: at, gradient: atGradient, value: atValue };
      if (dot(atGradient, direction) >= 0.9 * slope) return best;
      low = step;
    }
    step = high === Number.POSITIVE_INFINITY ? 2 * low : (low + high) / 2;
  }
  return best;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function add(a: Float64Array, b: Float64Array, scale: number): void {
  for (let i = 0; i < a.length; i++) a[i]! += scale * b[i]!;
}

function maxAbs(a: Float64Array): number {
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]!));
  return most;
}
