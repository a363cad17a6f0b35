import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ServiceConfig } from "@locum/contracts";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ScriptedCollector, startScriptedCollector } from "./scripted-collector.ts";
import { type SidecarProcess, startSidecarProcess } from "./sidecar-process.ts";
import {
  type Digits,
  fixtures,
  newApprover,
  recordRelease,
  startDigits,
  writeRelease,
} from "./start-digits.ts";
import { serviceOf } from "./start-sidecar.ts";

const patient = { timeout: 15_000 };
const root = fileURLToPath(new URL("../..", import.meta.url));
const main = join(root, "apps/sidecar/src/main.ts");
let digits: Digits;
let collector: ScriptedCollector;
let sidecar: SidecarProcess | undefined;
let config: string;

const write = async (change: (service: ServiceConfig) => object = (service) => service) => {
  config = join(digits.dir, "locum.yaml");
  const approver = newApprover();
  await writeRelease(`${digits.dir}/releases`, await recordRelease(digits, approver));
  const instance = { id: "a", digits, drillable: true, sidecar: { stateDir: "state" } };
  const service = serviceOf([instance], { approver, dir: digits.dir, failover: { onUnapproved: "hold" } });
  await writeFile(config, JSON.stringify(change(service)));
};
const start = async (program = main, options = {}) => {
  const args = ["--config", config, "--collector", collector.url, "--token-file", collector.tokenFile];
  sidecar = await startSidecarProcess(program, args, options);
  return sidecar;
};
const isFit = async () => (await sidecar?.status())?.report.fit;

beforeEach(async () => {
  digits = await startDigits();
  collector = await startScriptedCollector(digits.dir);
});
afterEach(async () => {
  await sidecar?.kill("SIGKILL");
  sidecar = undefined;
  await collector.close();
  await digits.close();
});

describe("a sidecar as a process", () => {
  it("serves, and ends by itself on SIGTERM", async () => {
    await write();
    const { tap, control, agent } = await start();
    await expect.poll(isFit, patient).toBe(true);
    expect((await fetch(`${tap}/v2/models/digits`)).status).toBe(200);
    expect((await fetch(`${control}/readyz`)).status).toBe(200);
    expect((await fetch(`${control}/livez`)).status).toBe(200);
    expect(await (await fetch(`${control}/metrics`)).text()).toContain("locum_golden_answers_total");
    expect((await fetch(`${control}/nothing`)).status).toBe(404);
    expect((await fetch(`${control}/status`, { method: "POST", body: "{}" })).status).toBe(405);
    expect(agent).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await sidecar?.kill("SIGTERM")).toBe(0);
  });

  it("that was killed in a drill puts the original back at its next start", async () => {
    await write();
    await start();
    await expect.poll(isFit, patient).toBe(true);
    const original = await readFile(digits.file);
    expect((await collector.order({ kind: "drill", fault: "corrupt-weights", ms: 600_000 })).outcome).toBe(
      "done",
    );
    expect((await readFile(digits.file)).equals(original)).toBe(false);
    await sidecar?.kill("SIGKILL");
    expect(existsSync(join(digits.dir, "state", "drill.json"))).toBe(true);
    await start();
    expect((await readFile(digits.file)).equals(original)).toBe(true);
    expect(existsSync(join(digits.dir, "state", "drill.json"))).toBe(false);
  });

  it("that was killed in a drill leaves alone what was deployed since", async () => {
    await write();
    await start();
    await expect.poll(isFit, patient).toBe(true);
    await collector.order({ kind: "drill", fault: "corrupt-weights", ms: 600_000 });
    await sidecar?.kill("SIGKILL");
    await digits.deploy("newer/model.onnx");
    await start();
    expect((await readFile(digits.file)).equals(await readFile(`${fixtures}/newer/model.onnx`))).toBe(true);
  });

  it.each<[string, (service: ServiceConfig) => object, string]>([
    ["an unknown key", (service) => ({ ...service, colour: "blue" }), "colour"],
    [
      "an impossible relation",
      (service) => ({ ...service, failover: { leaseMs: 500, heartbeatMs: 500 } }),
      "leaseMs",
    ],
  ])("does not start on %s, and says what is wrong", async (_name, change, said) => {
    await write(change);
    const { status, stderr } = spawnSync(process.execPath, [main, "--config", config], { encoding: "utf8" });
    expect(status).toBe(64);
    expect(stderr).toContain(said);
  });

  it("does not start without its flags, or as an instance that is not there", async () => {
    await write();
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [main, ...args], { encoding: "utf8" }).status;
    expect(run()).toBe(64);
    expect(run("--config", "/nowhere/locum.yaml")).toBe(64);
    expect(run("--config", config, "--instance", "z")).toBe(13);
    expect(run("--config", config, "--colour")).toBe(64);
  });
});

describe("the bundle", () => {
  it("runs without the monorepo", async () => {
    await write();
    const away = await mkdtemp(join(tmpdir(), "locum-bundle-"));
    try {
      const built = spawnSync(process.execPath, [join(root, "bin/build.mjs"), "sidecar"], {
        encoding: "utf8",
      });
      expect(built.stderr).toBe("");
      await cp(join(root, "dist/sidecar/main.cjs"), join(away, "main.cjs"));
      await start(join(away, "main.cjs"), { cwd: away, nodeFlags: ["--max-old-space-size=64"] });
      await expect.poll(isFit, patient).toBe(true);
      expect(await sidecar?.kill("SIGTERM")).toBe(0);
    } finally {
      await rm(away, { recursive: true, force: true });
    }
  });
});
