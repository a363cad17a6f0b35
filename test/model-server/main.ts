import { parseArgs } from "node:util";
import { startModelServer } from "./server.ts";

// node bin/run.mjs test/model-server/main.ts --repository DIR --port 0 [--host H] [--max-concurrency N]
// Prints one JSON line when it listens.
const { values } = parseArgs({
  options: {
    repository: { type: "string" },
    port: { type: "string", default: "0" },
    host: { type: "string", default: "127.0.0.1" },
    "max-concurrency": { type: "string", default: "64" },
  },
});
const { repository, port, host, "max-concurrency": maxConcurrency } = values;
if (!repository) {
  console.error("usage: main.ts --repository DIR [--port N] [--host H] [--max-concurrency N]");
  process.exit(64);
}
const server = await startModelServer({
  repository,
  host,
  port: Number(port),
  maxConcurrency: Number(maxConcurrency),
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => void server.close().then(() => process.exit(0)));
}
console.log(JSON.stringify({ url: server.url, pid: process.pid, repository }));
