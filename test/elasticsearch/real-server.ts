import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { until } from "../stack/until.ts";
import type { Family } from "./family.ts";

/** A real Elasticsearch or OpenSearch on loopback, in a folder of its own. */
export type RealServer = AsyncDisposable & {
  family: Family;
  url: string;
  version: string;
  /** SIGKILL, and no more: what was acknowledged must be there when it is started on the same folder again. */
  kill(): Promise<void>;
  /** On the port and the folder that it had. */
  restart(): Promise<void>;
  /** Ends it and takes its folder away. */
  stop(): Promise<void>;
};

const versions: Record<Family, readonly string[]> = {
  "elasticsearch-9": ["elasticsearch", "--version", "9.5.3"],
  "elasticsearch-8": ["elasticsearch", "--version", "8.19.21"],
  "opensearch-3": ["opensearch", "--version", "3.8.0"],
};

/** Why no real server can be run here; undefined where one can. For the name of a skipped test. */
export function realServersMissing(): string | undefined {
  if (process.env.LOCUM_REAL_PARTS !== "1") return "set LOCUM_REAL_PARTS=1 to run it";
  return process.env.LOCUM_ES_DIR === undefined
    ? "set LOCUM_ES_DIR to the folder of opensearch/start.sh and elasticsearch/start.sh to run it"
    : undefined;
}

export async function startRealServer(
  family: Family,
  { args = [] }: { args?: readonly string[] } = {},
): Promise<RealServer> {
  const scripts = process.env.LOCUM_ES_DIR;
  if (scripts === undefined) throw new Error(realServersMissing());
  const [folder = "", ...version] = versions[family];
  const data = await mkdtemp(join(tmpdir(), `locum-${family}-`));
  const run = promisify(execFile);
  const program = join(scripts, folder, "start.sh");
  const given = [...version, ...args, "--heap", "512m", "--data", data];
  const line = await start(given);
  let { pid } = line;
  const port = new URL(line.url).port;

  async function start(options: readonly string[]): Promise<{ url: string; pid: number; version: string }> {
    try {
      const { stdout } = await run(program, options, { timeout: 240_000 });
      return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
    } catch (error) {
      // What did start must not stay behind.
      await run(join(scripts ?? "", folder, "stop.sh"), [data]).catch(() => undefined);
      throw error;
    }
  }
  const server: RealServer = {
    family,
    url: line.url,
    version: line.version,
    async kill() {
      process.kill(pid, "SIGKILL");
      await until(() => !isRunning(pid), { what: `${family} to end`, withinMs: 10_000 });
    },
    async restart() {
      ({ pid } = await start([...given, "--port", port]));
    },
    async stop() {
      await run(join(scripts, folder, "stop.sh"), [data]);
      await rm(data, { recursive: true, force: true });
    },
    [Symbol.asyncDispose]: () => server.stop(),
  };
  return server;
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
