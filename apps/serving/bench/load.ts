/** A closed loop of unary gRPC calls with one message, over bare HTTP/2: `load.ts ADDRESS PATH CLIENTS SECONDS < message`. */
import { connect } from 'node:http2';

const [address = '', path = '', clientsText = '1', secondsText = '1'] = process.argv.slice(2);
const clients = Number(clientsText);
const parts: Buffer[] = [];
for await (const part of process.stdin) parts.push(part);
const message = Buffer.concat(parts);
const frame = Buffer.alloc(5 + message.length);
frame.writeUInt32BE(message.length, 1);
message.copy(frame, 5);
const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
const connections = Array.from({ length: Math.min(clients, 8) }, () => connect(`http://${address}`));
const latencies: number[] = [];
let failed = 0;
let all = 0;
const start = performance.now();
const measureFrom = start + 700;
const end = measureFrom + Number(secondsText) * 1000;
const loop = async (i: number) => {
  const client = connections[i % connections.length]!;
  while (performance.now() < end) {
    const from = performance.now();
    const stream = client.request(headers);
    let status: unknown;
    stream.on('response', (h) => (status = h['grpc-status'] ?? status));
    stream.on('trailers', (h) => (status = h['grpc-status']));
    stream.resume();
    stream.end(frame);
    await new Promise((resolve) => stream.once('close', resolve));
    all++;
    if (status !== '0') failed++;
    if (from >= measureFrom) latencies.push(performance.now() - from);
  }
};
await Promise.all(Array.from({ length: clients }, (_, i) => loop(i)));
latencies.sort((a, b) => a - b);
const quantile = (q: number) => latencies[Math.floor(q * (latencies.length - 1))]?.toFixed(3);
console.log(
  JSON.stringify({
    clients,
    requestsPerSecond: Math.round(latencies.length / Number(secondsText)),
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    failed,
    all,
  }),
);
for (const client of connections) client.close();
