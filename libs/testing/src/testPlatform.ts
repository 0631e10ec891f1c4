import type { DescService } from '@bufbuild/protobuf';
import type { Module, OpenPlatform, Platform, RunningModules } from '@millrace/process';
import { openPlatform, runModules } from '@millrace/process';
import type { Client, ServiceRegistration } from '@millrace/rpc';
import { createChannel, createClient, createRpcServer } from '@millrace/rpc';
import { temporaryDirectory } from './temporaryDirectory.ts';
import { createTestDatabase } from './testDatabase.ts';

/** What a test runs. */
export interface TestPlatformOptions {
  /** The modules under test, made anew at each start. */
  readonly modules: (platform: Platform) => readonly Module[];
  /** Services that others would answer, played by the test. */
  readonly fakes?: readonly ServiceRegistration[];
}

/** Modules under test on a real platform: own database, blob directory, table engine, event bus, gRPC server. */
export interface TestPlatform extends AsyncDisposable {
  readonly platform: Platform;
  /** `host:port` of the gRPC server, the same after a restart. */
  readonly address: string;
  /** A client of a service, of a module or of a fake. */
  client<S extends DescService>(descriptor: S): Client<S>;
  /** Stops the modules and the server, then starts new ones on the same data: what a restart of the process does. */
  restart(): Promise<void>;
  /** Stops everything and removes the data. */
  stop(): Promise<void>;
}

/** Starts modules for a test file. Stop it in `afterAll`. */
export async function createTestPlatform(options: TestPlatformOptions): Promise<TestPlatform> {
  const directory = await temporaryDirectory();
  const database = await createTestDatabase({ schema: 'events' });
  // Modules may call each other while they start, so the port is known before they have started.
  const bound = { port: 0 };
  const platform = await openPlatform({
    dataDirectory: directory.path,
    postgresUrl: database.url,
    address: () => `127.0.0.1:${bound.port}`,
    tablesMemoryMib: 1024,
    threads: 2,
    poolMax: 6,
    log: { file: `${directory.path}/log.ndjson`, level: 'info' },
  });
  let modules = await start(platform, options, bound);
  const channel = createChannel({ address: `127.0.0.1:${bound.port}`, telemetry: platform.telemetry('test') });
  const stop = async () => {
    channel.close();
    await modules.stop();
    await platform.close();
    await database.drop();
    await directory[Symbol.asyncDispose]();
  };
  return {
    platform,
    address: `127.0.0.1:${bound.port}`,
    client: (descriptor) => createClient(descriptor, channel),
    async restart() {
      await modules.stop();
      modules = await start(platform, options, bound);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Starts server and modules; a port that was bound before is bound again, since channels are made once. */
async function start(
  platform: OpenPlatform,
  options: TestPlatformOptions,
  bound: { port: number },
): Promise<RunningModules> {
  const modules = options.modules(platform);
  const telemetry = platform.telemetry('test');
  const server = createRpcServer({
    services: [...modules.flatMap((module) => module.grpcServices), ...(options.fakes ?? [])],
    rawServices: modules.flatMap((module) => module.rawMethods ?? []),
    address: `127.0.0.1:${bound.port}`,
    telemetry,
    logger: telemetry.logger('rpc'),
  });
  bound.port = (await server.start()).port;
  return runModules({ modules, server, logger: telemetry.logger('modules'), stopDeadlineMs: 5000 });
}
