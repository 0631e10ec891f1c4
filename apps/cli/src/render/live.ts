import type { Output } from '../io.ts';

/** Least time between two drawings, in milliseconds. */
const REDRAW_MS = 80;

/** A block of lines at the end of a terminal that is drawn again in place. */
export interface LiveBlock {
  /** Draws these lines instead of the ones before, at most every 80 ms. */
  update(lines: readonly string[]): void;
  /** Writes lines above the block, where they stay. */
  above(lines: readonly string[]): void;
  /** Draws for the last time and leaves the lines where they are. */
  end(lines?: readonly string[]): void;
}

/** A block on a terminal. Lines must not be wider than the terminal, or the block would not be found again. */
export function createLiveBlock(output: Output): LiveBlock {
  let shown = 0;
  let last: readonly string[] = [];
  let drawnAt = Number.NEGATIVE_INFINITY;
  const clear = () => (shown === 0 ? '' : `\u001b[${shown}A\r\u001b[J`);
  const draw = (lines: readonly string[]) => {
    output.write(`${clear()}${lines.map((line) => `${line}\n`).join('')}`);
    shown = lines.length;
    last = lines;
    drawnAt = performance.now();
  };
  return {
    update(lines) {
      if (performance.now() - drawnAt >= REDRAW_MS) draw(lines);
      else last = lines;
    },
    above(lines) {
      output.write(`${clear()}${lines.map((line) => `${line}\n`).join('')}`);
      shown = 0;
      draw(last);
    },
    end(lines) {
      draw(lines ?? last);
      shown = 0;
    },
  };
}
