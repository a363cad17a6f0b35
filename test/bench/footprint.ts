import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { newApprover, recordRelease, startDigits, writeRelease } from "../sidecar/start-digits.ts";
import { sendTraffic } from "../sidecar/traffic-client.ts";
import type { BenchSummary, BenchTools } from "./bench.ts";
import { type Memory, memoryOf } from "./memory-of.ts";
import { table } from "./table.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const objectives = { rssMb: 95, anonymousMb: 45 };
/** How the launcher of the image and of the unit files starts it (research: footprint). */
const nodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=64"];
const perSecond = 200;

/** Memory of the sidecar's bundle under steady traffic, its telemetry going out to a receiver on this machine. */
export async function run({ flags, print, emit }: BenchTools): Promise<BenchSummary> {
  const seconds = Number(flags.seconds ?? 20);
  const bundle = join(root, "dist/sidecar/main.cjs");
  const built = spawnSync(process.execPath, [join(root, "bin/build.mjs"), "sidecar"], { encoding: "utf8" });
  if (built.status !== 0) throw new Error(built.stderr);
  const digits = await startDigits();
  const sink = await startSink();
  let child: ReturnType<typeof spawn> | undefined;
  try {
    const approver = newApprover();
    await writeRelease(join(digits.dir, "releases"), await recordRelease(digits, approver));
    const config = join(digits.dir, "locum.yaml");
    await writeFile(config, serviceFile(digits, approver, sink.url));
    child = spawn(process.execPath, [...nodeFlags, bundle, "--config", config], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, MALLOC_ARENA_MAX: "1" },
    });
    const { tap } = await firstLine(child);
    const client = sendTraffic(tap, { everyMs: 1000 / perSecond });
    const samples: Memory[] = [];
    for (let second = 0; second < seconds; second += 1) {
      await new Promise((wait) => setTimeout(wait, 1000));
      const memory = await memoryOf(child.pid ?? 0);
      samples.push(memory);
      emit({ kind: "sample", second, ...memory });
    }
    await client.stop();
    const last = samples.at(-1) ?? { rssMb: Number.NaN, anonymousMb: Number.NaN };
    const most = samples.reduce((a, b) => (b.rssMb > a.rssMb ? b : a), last);
    const summary = {
      ...last,
      rssMbMax: most.rssMb,
      requests: client.sent.length,
      failed: client.failed(),
      exports: sink.received(),
      objectives,
      objectivesMet: last.rssMb <= objectives.rssMb && last.anonymousMb <= objectives.anonymousMb,
    };
    print(render(summary, seconds));
    return summary;
  } finally {
    if (child && child.exitCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    }
    sink.server.close();
    await digits.close();
  }
}

function serviceFile(
  { url, modelDir }: { url: string; modelDir: string },
  { keyId, publicKey }: { keyId: string; publicKey: string },
  otlpUrl: string,
): string {
  return JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    approvers: [{ keyId, publicKey }],
    instances: [{ id: "a", url, modelDir }],
    privacy: { otlpUrl, exportMs: 2000 },
  });
}

async function firstLine(child: ReturnType<typeof spawn>): Promise<{ tap: string }> {
  if (!child.stdout) throw new Error("the sidecar has no output");
  for await (const line of createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error("the sidecar ended before it listened");
}

async function startSink(): Promise<{ url: string; server: Server; received(): number }> {
  let received = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      received += 1;
      response.end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}/v1/metrics`, received: () => received };
}

function render(
  summary: Memory & { rssMbMax: number; requests: number; failed: number; exports: number },
  seconds: number,
): string {
  const { rssMb, anonymousMb, rssMbMax, requests, failed, exports } = summary;
  return `${table(
    ["figure", "MB", "objective"],
    [
      ["resident (RSS)", rssMb, objectives.rssMb],
      ["anonymous", anonymousMb, objectives.anonymousMb],
      ["resident, most", rssMbMax, objectives.rssMb],
    ],
  )}\n${requests} requests of 1 KB at ${perSecond}/s in ${seconds} s, ${failed} failed, ${exports} exports of metrics`;
}
