import { readFile } from 'node:fs/promises';

/** Memory of some processes, in MiB. */
export interface Memory {
  /** Sum of resident sets: a page that several processes share counts in each. */
  readonly rssMib: number;
  /** Sum of proportional sets: a shared page counts once. */
  readonly pssMib: number;
  readonly processes: number;
}

/** Largest resident set that a process has had (`VmHWM`, proc(5)), in MiB. Linux only. */
export async function peakRssMib(pid: number): Promise<number> {
  return (await fieldKib(`/proc/${pid}/status`, 'VmHWM')) / 1024;
}

/** A process and its direct children, such as PostgreSQL's postmaster and its backends. Linux only. */
export async function withChildren(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return [pid, ...children.trim().split(' ').filter(Boolean).map(Number)];
}

/** Memory of processes, each of which counts once. Linux only; those of other users can be seen by root alone. */
export async function memoryOf(pids: readonly number[]): Promise<Memory> {
  const all = [...new Set(pids)];
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / 1024;
  return {
    rssMib: sum(await Promise.all(all.map((pid) => fieldKib(`/proc/${pid}/status`, 'VmRSS')))),
    pssMib: sum(await Promise.all(all.map((pid) => fieldKib(`/proc/${pid}/smaps_rollup`, 'Pss')))),
    processes: all.length,
  };
}

async function fieldKib(path: string, field: string): Promise<number> {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(await readFile(path, 'utf8'));
  if (!found) throw new Error(`${path} tells no ${field}.`);
  return Number(found[1]);
}
