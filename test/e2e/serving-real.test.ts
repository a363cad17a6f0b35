import { execFile } from "node:child_process";
import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect } from "@locum/serving";
import { expect, test, vi } from "vitest";
import { type Subject, servingConformance } from "../conformance/serving.ts";

/**
 * The conformance suite against model servers that we did not write. LOCUM_PEERS_DIR names the folder whose
 * `start-<server>.sh --dir DIR` starts each one and prints `{"url","pid","modelDir","model","variants",...}`.
 */
const scripts = process.env.LOCUM_PEERS_DIR;

const peers = [
  // Load does nothing there unless a file changed, half of its routes answer 400 where others say 404.
  { name: "triton", file: "1/model.npz", variant: "model.npz", binary: true, nan: true },
  // The health has a body, there is no repository index, a request without an id may fail.
  { name: "kserve", file: "model.npz", variant: "model.npz", binary: false, nan: true },
  // No binary tensors, an index that wants a body, and the model in a process of its own.
  { name: "mlserver", file: "model.joblib", variant: "model.joblib", binary: false, nan: false },
] as const;
type Peer = (typeof peers)[number];

for (const peer of peers) {
  if (!scripts) {
    test.skip(`${peer.name}: set LOCUM_PEERS_DIR to the folder of start-${peer.name}.sh to run it`, () =>
      undefined);
    continue;
  }
  const folder = scripts;
  servingConformance(`oip-v2-rest on a real ${peer.name}`, { open: () => open(folder, peer) });
}

async function open(folder: string, peer: Peer): Promise<Subject> {
  const running = await start(folder, peer);
  const metricsUrl = peer.name === "mlserver" ? { metricsUrl: running.metrics } : {};
  const server = connect({ url: running.url, ...metricsUrl });
  const { inputs } = JSON.parse(await readFile(join(running.variants, "golden.json"), "utf8")) as {
    inputs: number[][];
  };
  const input = { name: "x", datatype: "FP32", shape: [1, 64], data: inputs[0] ?? [] };
  const goodRequest = { inputs: [input] };
  return {
    server,
    model: running.model,
    serverName: peer.name,
    goodRequest,
    wrongRequest: { inputs: [{ ...input, shape: [1, 3], data: [1, 2, 3] }] },
    // Past binary32, so that the softmax divides infinities.
    ...(peer.nan ? { nanRequest: { inputs: [{ ...input, data: Array(64).fill(1e39) }] } } : {}),
    ...(peer.binary ? { binaryRequest: { ...goodRequest, parameters: { binary_data_output: true } } } : {}),
    reconnect: (options) => connect({ url: running.url, ...options }),
    async swapFiles(to) {
      const live = join(running.modelDir, peer.file);
      await cp(join(running.variants, to, peer.variant), `${live}.new`);
      await rename(`${live}.new`, live);
    },
    async close() {
      server.close();
      await running.stop();
    },
  };
}

type Running = {
  url: string;
  metrics: string;
  model: string;
  modelDir: string;
  variants: string;
  stop(): Promise<void>;
};

async function start(folder: string, { name }: Peer): Promise<Running> {
  const dir = await mkdtemp(join(tmpdir(), `locum-${name}-`));
  const { stdout } = await promisify(execFile)(join(folder, `start-${name}.sh`), ["--dir", dir]);
  const line = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Running & { pid: number };
  return {
    ...line,
    async stop() {
      signal(line.pid, "SIGTERM");
      await vi.waitFor(() => expect(signal(line.pid, 0)).toBe(false), { timeout: 60_000, interval: 100 });
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Each server leads a process group of its own, with its workers in it. False once nobody is left there. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, name);
  } catch {
    return false;
  }
}
