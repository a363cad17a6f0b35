import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLoop } from "./open-loop.ts";

export type TapRow = {
  bodyBytes: number;
  perSecond: number;
  way: string;
  p50Ms: number;
  p99Ms: number;
  /** Added to the direct way, in the median of the rounds' differences. */
  addedP50Ms: number;
  objectiveMs: number;
  failed: number;
};

const loads = [
  { bodyBytes: 1_024, perSecond: 1_000, objectiveMs: 0.2 },
  { bodyBytes: 64 * 1024, perSecond: 1_000, objectiveMs: 0.2 },
  { bodyBytes: 600 * 1024, perSecond: 200, objectiveMs: 0.6 },
];

/** What the tap adds to a request, beside HAProxy where it is installed: each way in turn, round after round. */
export async function run({
  json = false,
  rounds = 5,
  seconds = 2,
}: {
  json?: boolean;
  rounds?: number;
  seconds?: number;
} = {}): Promise<TapRow[]> {
  const folder = await mkdtemp(join(tmpdir(), "locum-bench-"));
  const children: ChildProcess[] = [];
  try {
    const upstream = await start(children, node(here("./echo-server.ts")));
    const tapFile = here("../../apps/sidecar/src/tap/testing/serve-tap.ts");
    const tap = await start(children, node(...nodeFlags, tapFile, `http://127.0.0.1:${upstream}`));
    const ways: { way: string; port: number }[] = [
      { way: "direct", port: upstream },
      { way: "tap", port: tap },
    ];
    if (existsSync(haproxyFile))
      ways.push({ way: "haproxy", port: await startHaproxy(children, folder, upstream) });
    const rows = await measure(ways, rounds, seconds);
    if (!json) print(rows);
    return rows;
  } finally {
    for (const child of children) child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  ways: { way: string; port: number }[],
  rounds: number,
  seconds: number,
): Promise<TapRow[]> {
  const rows: TapRow[] = [];
  for (const { bodyBytes, perSecond, objectiveMs } of loads) {
    const rounded = new Map(
      ways.map(({ way }) => [
        way,
        { p50: [] as number[], p99: [] as number[], added: [] as number[], failed: 0 },
      ]),
    );
    for (const { port } of ways) await openLoop({ port, bodyBytes, perSecond: perSecond / 2, seconds: 1 });
    for (let round = 0; round < rounds; round += 1) {
      let directMs = 0;
      for (const { way, port } of ways) {
        const { latenciesMs, failed } = await openLoop({ port, bodyBytes, perSecond, seconds });
        const p50 = quantile(latenciesMs, 0.5);
        if (way === "direct") directMs = p50;
        const row = rounded.get(way);
        row?.p50.push(p50);
        row?.p99.push(quantile(latenciesMs, 0.99));
        row?.added.push(p50 - directMs);
        if (row) row.failed += failed;
      }
    }
    for (const [way, { p50, p99, added, failed }] of rounded) {
      const medians = {
        p50Ms: quantile(p50, 0.5),
        p99Ms: quantile(p99, 0.5),
        addedP50Ms: quantile(added, 0.5),
      };
      rows.push({ bodyBytes, perSecond, way, ...medians, objectiveMs, failed });
    }
  }
  return rows;
}

function print(rows: TapRow[]): void {
  console.log("body       rate     way       p50 ms   p99 ms   added p50   objective   failed");
  for (const row of rows) {
    const cells = [
      `${row.bodyBytes / 1024} KiB`.padEnd(10),
      `${row.perSecond}/s`.padEnd(8),
      row.way.padEnd(9),
      row.p50Ms.toFixed(3).padEnd(8),
      row.p99Ms.toFixed(2).padEnd(8),
      row.addedP50Ms.toFixed(3).padEnd(11),
      (row.way === "tap"
        ? `${row.objectiveMs} ${row.addedP50Ms <= row.objectiveMs ? "met" : "missed"}`
        : ""
      ).padEnd(11),
      String(row.failed),
    ];
    console.log(cells.join(" "));
  }
}

async function startHaproxy(children: ChildProcess[], folder: string, upstream: number): Promise<number> {
  const port = await freePort();
  const file = join(folder, "haproxy.cfg");
  // Without http-no-delay it waits for more to send, which no proxy of ours does either.
  const lines = [
    "global\n  nbthread 1",
    "defaults\n  mode http\n  option http-no-delay\n  http-reuse always\n  timeout connect 2s\n  timeout client 30s\n  timeout server 30s",
    `frontend f\n  bind 127.0.0.1:${port}\n  default_backend b`,
    `backend b\n  server s 127.0.0.1:${upstream}`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  children.push(spawn(haproxyFile, ["-db", "-f", file], { stdio: ["ignore", "ignore", "inherit"] }));
  for (let i = 0; i < 50; i += 1) {
    const { failed } = await openLoop({ port, bodyBytes: 1, perSecond: 20, seconds: 0.1 });
    if (failed === 0) return port;
  }
  throw new Error("expected HAProxy to listen within five seconds");
}

/** Starts a program that prints `{"port":...}` on its first line. */
function start(children: ChildProcess[], [file, ...args]: string[]): Promise<number> {
  const child = spawn(file ?? "", args, { stdio: ["pipe", "pipe", "inherit"] });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once("exit", (code) => reject(new Error(`${args.at(-1)} ended with ${code} before it listened`)));
    child.stdout?.once("data", (line: Buffer) => resolve(JSON.parse(line.toString()).port));
  });
}

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(address)));
    });
  });
}

function quantile(values: number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

function here(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

function node(...args: string[]): string[] {
  return [process.execPath, ...args];
}

const haproxyFile = "/usr/sbin/haproxy";
// As the sidecar is started: a small young generation keeps the memory down and is part of what is measured.
const nodeFlags = ["--max-semi-space-size=1", "--max-old-space-size=64"];
