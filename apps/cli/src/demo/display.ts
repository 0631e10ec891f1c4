/** Where the demo tells what it does: one live line on a terminal, else a line when a step ends. */
export interface Display {
  /** A headline of the story. */
  chapter(title: string): void;
  /** A sentence. */
  say(text: string): void;
  /** What is being done now; replaced by the next one. */
  now(text: string): void;
  /** A step has ended. */
  done(name: string, seconds: number, rows?: number): void;
}

const CLEAR_LINE = '\r\x1b[2K';
const NOW_EVERY_MS = 5000;

/** Tells on this stream. */
export function createDisplay(out: NodeJS.WriteStream): Display {
  const isLive = Boolean(out.isTTY);
  let lastTold = 0;
  const line = (text: string) => out.write(`${isLive ? CLEAR_LINE : ''}${text}\n`);
  const bold = (text: string) => (isLive && !process.env.NO_COLOR ? `\x1b[1m${text}\x1b[0m` : text);
  return {
    chapter: (title) => void line(`\n${bold(title)}`),
    say: (text) => void line(`  ${text}`),
    now(text) {
      if (isLive) out.write(`${CLEAR_LINE}  … ${text}`.slice(0, (out.columns ?? 100) + CLEAR_LINE.length - 1));
      else if (performance.now() - lastTold > NOW_EVERY_MS) {
        lastTold = performance.now();
        line(`  … ${text}`);
      }
    },
    done(name, seconds, rows) {
      lastTold = performance.now();
      const speed = rows
        ? `${rows.toLocaleString('en')} rows, ${Math.round(rows / Math.max(seconds, 1e-3)).toLocaleString('en')} rows/s`
        : '';
      line(`  ✓ ${name.padEnd(30)} ${seconds.toFixed(1).padStart(6)} s  ${speed}`);
    },
  };
}
