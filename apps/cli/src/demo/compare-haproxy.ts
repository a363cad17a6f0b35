import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { ModelProcess } from "./model-process.ts";
import { unansweredOf } from "./play-fault.ts";
import { deploy, strikes } from "./strikes.ts";
import { startWitness } from "./witness.ts";

export type HaproxyResult = {
  fault: keyof typeof strikes;
  answers: number;
  failed: number;
  wrong: number;
  lastBadMs: number;
  windowMs: number;
};

/** How long each fault is watched: HAProxy's three failed checks take six seconds, twelve where each one times out. */
const windowMs = 12_000;
const quietMs = 500;

export const haproxyVersion = (): string | null => {
  const { status, stdout } = spawnSync("haproxy", ["-v"], { encoding: "utf8" });
  return status === 0 ? (stdout.split("\n")[0]?.split(" ")[2] ?? "unknown") : null;
};

/** HAProxy's own defaults of a health check (every 2 s, three failures), a standby as backup, and redispatch on. */
export const haproxyConfig = (port: number, [active, standby]: string[]): string => `global
  maxconn 2000
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  option redispatch
  option httpchk GET /v2/health/ready
frontend digits
  bind 127.0.0.1:${port}
  default_backend models
backend models
  server a ${active} check inter 2s fall 3 rise 2
  server b ${standby} check inter 2s fall 3 rise 2 backup
`;

type Rig = {
  dir: string;
  models: [ModelProcess, ModelProcess];
  files: { current: string; older: string; newer: string };
  images: number[][];
  reference: Float64Array[];
  nowMs: () => number;
  signal: AbortSignal;
};

/** The same faults, the same model servers and the same client, behind a real HAProxy instead of Locum. */
export async function compareHaproxy(
  { dir, models, files, images, reference, nowMs, signal }: Rig,
  tell: (result: HaproxyResult) => void,
): Promise<HaproxyResult[]> {
  const port = await freePort();
  const config = join(dir, "haproxy.cfg");
  await writeFile(
    config,
    haproxyConfig(
      port,
      models.map(({ url }) => new URL(url).host),
    ),
  );
  const haproxy = spawn("haproxy", ["-f", config], { stdio: "ignore", signal });
  haproxy.on("error", () => undefined);
  const results: HaproxyResult[] = [];
  try {
    for (const fault of Object.keys(strikes) as (keyof typeof strikes)[]) {
      const witness = startWitness({
        url: `http://127.0.0.1:${port}`,
        images,
        references: reference,
      });
      const right = () =>
        witness.answers().findLast(({ outcome }) => outcome === "right")?.endMs ?? Number.NEGATIVE_INFINITY;
      const warmMs = nowMs();
      await until(() => nowMs() - warmMs > quietMs && right() > nowMs() - quietMs, signal);
      const startMs = nowMs();
      await strikes[fault](models[0], files);
      await until(() => nowMs() - startMs > windowMs, signal);
      const unanswered = unansweredOf(witness);
      const answers = [...witness.answers(), ...unanswered].filter(({ endMs }) => endMs >= startMs);
      const bad = answers.filter(({ outcome }) => outcome !== "right");
      const result = {
        fault,
        windowMs,
        answers: answers.length,
        failed: bad.filter(({ outcome }) => outcome === "failed").length,
        wrong: bad.filter(({ outcome }) => outcome === "wrong").length,
        // By when it was sent: a request that waits ten seconds for its error says nothing of those sent meanwhile.
        lastBadMs: Math.round(Math.max(0, ...bad.map(({ sentMs }) => sentMs - startMs))),
      };
      witness.stop();
      results.push(result);
      tell(result);
      await putRight(models[0], files.current, signal);
    }
    return results;
  } finally {
    const ended =
      haproxy.exitCode === null && haproxy.pid !== undefined ? once(haproxy, "exit") : Promise.resolve();
    haproxy.kill("SIGTERM");
    await ended;
  }
}

/** What a person would have to do: end the server, put the file back, wait until it is up. */
async function putRight(model: ModelProcess, current: string, signal: AbortSignal): Promise<void> {
  model.signal("SIGKILL");
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    signal.throwIfAborted();
    const up = await deploy(model, current).then(
      () => true,
      () => false,
    );
    if (up) return;
    if (performance.now() > deadlineMs) throw new Error(`${model.id} did not come back`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  while (!condition()) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (!address || typeof address === "string") throw new Error("no port");
  return address.port;
}
