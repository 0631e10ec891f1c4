import { readFile } from 'node:fs/promises';

/** How often memory is looked at, in milliseconds. */
const SAMPLE_MS = 250;

/** Watches the resident memory of this process and of some others with their children. */
export interface MemoryWatch {
  /** The greatest sum seen so far, in MiB. Shared pages count in every process that maps them. */
  peakMib(): number;
  stop(): void;
}

/** Watches this process and the tree below `rootPid` (PostgreSQL's postmaster and its backends). Linux only; elsewhere this process alone. */
export function watchMemory(rootPid: number | undefined): MemoryWatch {
  let peak = 0;
  let isBusy = false;
  const sample = async () => {
    if (isBusy) return;
    isBusy = true;
    const others = rootPid === undefined ? 0 : await treeRssBytes(rootPid);
    peak = Math.max(peak, process.memoryUsage.rss() + others);
    isBusy = false;
  };
  const timer = setInterval(() => void sample(), SAMPLE_MS);
  timer.unref();
  return { peakMib: () => Math.round(peak / 1024 ** 2), stop: () => clearInterval(timer) };
}

/** Resident bytes of a process and of the processes below it. */
async function treeRssBytes(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const pids = [pid, ...children.trim().split(' ').filter(Boolean).map(Number)];
  const sizes = await Promise.all(pids.map(residentBytes));
  return sizes.reduce((sum, bytes) => sum + bytes, 0);
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
