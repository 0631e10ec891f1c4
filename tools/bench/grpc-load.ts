/**
 * A closed loop of unary gRPC calls over bare HTTP/2, in a process of its own: `grpc-load.ts ADDRESS PATH CLIENTS SECONDS`.
 * Reads encoded messages from stdin, one a line in base64, and sends them in turn. Each client has a connection of its own,
 * up to 8. The first 700 ms warm up. Prints one JSON object, see {@link LoadFigures}.
 */
import { once } from 'node:events';
import { connect } from 'node:http2';
import { createInterface } from 'node:readline';

/** What a load has given. Times are in milliseconds. */
export interface LoadFigures {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Calls that ended with another status than OK. */
  readonly failed: number;
}

const WARM_UP_MS = 700;
const CONNECTIONS_MAX = 8;

const [address = '', path = '', clientsText = '1', secondsText = '1'] = process.argv.slice(2);
const clients = Number(clientsText);
const frames: Buffer[] = [];
for await (const line of createInterface({ input: process.stdin })) frames.push(framed(Buffer.from(line, 'base64')));

const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
const connections = Array.from({ length: Math.min(clients, CONNECTIONS_MAX) }, () => connect(`http://${address}`));
const latencies: number[] = [];
let failed = 0;
let sent = 0;
const measureFrom = performance.now() + WARM_UP_MS;
const end = measureFrom + Number(secondsText) * 1000;
await Promise.all(Array.from({ length: clients }, (_, i) => loop(i)));
for (const connection of connections) connection.close();
latencies.sort((a, b) => a - b);
const quantile = (q: number) => latencies[Math.floor(q * (latencies.length - 1))] ?? Number.NaN;
const figures: LoadFigures = {
  requestsPerSecond: latencies.length / Number(secondsText),
  p50Ms: quantile(0.5),
  p99Ms: quantile(0.99),
  failed,
};
console.log(JSON.stringify(figures));

async function loop(client: number): Promise<void> {
  const connection = connections[client % connections.length]!;
  while (performance.now() < end) {
    const from = performance.now();
    const stream = connection.request(headers);
    let status: unknown;
    stream.on('response', (head) => {
      status = head['grpc-status'] ?? status;
    });
    stream.on('trailers', (tail) => {
      status = tail['grpc-status'];
    });
    stream.resume();
    stream.end(frames[sent++ % frames.length]);
    await once(stream, 'close');
    if (status !== '0') failed++;
    if (from >= measureFrom) latencies.push(performance.now() - from);
  }
}

/** A message with its five bytes of gRPC framing: not compressed, and its length. */
function framed(message: Buffer): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  message.copy(frame, 5);
  return frame;
}
