import { parentPort, workerData } from 'node:worker_threads';
import type { TeamSeat } from './team.ts';
import { serve } from './team.ts';

serve(workerData as TeamSeat, () => parentPort?.postMessage('ready'));
