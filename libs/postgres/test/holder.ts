// Started by the tests as a process of its own: holds an embedded PostgreSQL until it is killed.
import { startEmbeddedPostgres } from '../src/embedded/server.ts';

const server = await startEmbeddedPostgres({ directory: process.argv[2] as string });
console.log(JSON.stringify({ url: server.url, pid: server.pid }));
setInterval(() => undefined, 1000);
