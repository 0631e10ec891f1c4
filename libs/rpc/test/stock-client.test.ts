import { resolve } from 'node:path';
import type { ServiceDefinition } from '@grpc/grpc-js';
import { credentials, makeClientConstructor } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';
import { expect, test } from '@jest/globals';
import { deferred, failureOf, startRig } from './rig.ts';

/** What reflection answers when asked for a file. */
type FileAnswer = { file_descriptor_proto: Buffer[] };

/** A client by proto-loader and protobufjs: nothing of it is ours. */
type PlainClient = {
  close(): void;
  [method: string]: (...args: unknown[]) => unknown;
};

const includeDirs = [resolve(import.meta.dirname, '../../../proto')];
const health = loadSync('grpc/health/v1/health.proto', { includeDirs, enums: String })['grpc.health.v1.Health'];

function connect(definition: unknown, address: string): PlainClient {
  const Constructor = makeClientConstructor(definition as ServiceDefinition, 'plain');
  return new Constructor(address, credentials.createInsecure()) as unknown as PlainClient;
}

function unary(client: PlainClient, method: string, request: unknown): Promise<unknown> {
  return new Promise((done, fail) => {
    client[method]!(request, (error: Error | null, response: unknown) => (error ? fail(error) : done(response)));
  });
}

test('health: Check and Watch, for the server and for a service', async () => {
  await using rig = await startRig({});
  const client = connect(health, rig.address);
  expect(await unary(client, 'Check', { service: '' })).toEqual({ status: 'NOT_SERVING' });
  expect(await failureOf(unary(client, 'Check', { service: 'no.such.Service' }))).toMatchObject({ code: 5 });

  const seen: unknown[] = [];
  let next = deferred();
  const watch = client.Watch!({ service: 'millrace.testing.v1.EchoService' }) as NodeJS.ReadableStream;
  const ended = new Promise((done) => watch.on('end', done));
  watch.on('data', ({ status }) => {
    seen.push(status);
    next.resolve();
  });
  await next.promise;
  next = deferred();
  rig.server.setServing('', true);
  await next.promise;
  expect(seen).toEqual(['NOT_SERVING', 'SERVING']);
  expect(await unary(client, 'Check', { service: '' })).toEqual({ status: 'SERVING' });
  await rig.server.drain(1000);
  await ended;
  expect(seen).toEqual(['NOT_SERVING', 'SERVING', 'NOT_SERVING']);
  client.close();
});

test.each(['v1', 'v1alpha'])('reflection %s gives a stranger all it needs to call a method', async (version) => {
  await using rig = await startRig({ echo: async ({ text }) => ({ text: `${text}!` }) });
  const definition = loadSync(`grpc/reflection/${version}/reflection.proto`, { includeDirs, keepCase: true });
  const client = connect(definition[`grpc.reflection.${version}.ServerReflection`], rig.address);
  const call = client.ServerReflectionInfo!() as NodeJS.ReadWriteStream;
  const ask = (question: object) =>
    new Promise<Record<string, never>>((done) => {
      call.once('data', done);
      (call.write as unknown as (message: object) => void)(question);
    });

  expect(await ask({ list_services: '*' })).toMatchObject({
    list_services_response: {
      service: [
        { name: 'grpc.health.v1.Health' },
        { name: 'grpc.reflection.v1.ServerReflection' },
        { name: 'grpc.reflection.v1alpha.ServerReflection' },
        { name: 'millrace.testing.v1.EchoService' },
      ],
    },
  });
  expect(await ask({ file_by_filename: 'no/such.proto' })).toMatchObject({ error_response: { error_code: 5 } });
  expect(await ask({ file_containing_symbol: 'millrace.testing.v1.EchoService.Echo' })).toHaveProperty(
    'file_descriptor_response',
  );
  const answer = await ask({ file_containing_symbol: 'millrace.testing.v1.EchoService' });
  const { file_descriptor_proto: files } = answer.file_descriptor_response as unknown as FileAnswer;
  call.end();
  client.close();

  const echo = connect(
    loadFileDescriptorSetFromBuffer(asFileDescriptorSet(files))['millrace.testing.v1.EchoService'],
    rig.address,
  );
  expect(await unary(echo, 'Echo', { text: 'hello' })).toMatchObject({ text: 'hello!' });
  echo.close();
});

/** Field 1 of google.protobuf.FileDescriptorSet, once for each file. */
function asFileDescriptorSet(files: readonly Buffer[]): Buffer {
  return Buffer.concat(files.flatMap((file) => [Buffer.from([0x0a]), varint(file.length), file]));
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest & 127) | 128);
  }
}
