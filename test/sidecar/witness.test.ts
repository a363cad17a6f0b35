import { generateKeyPairSync } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { noteKeyOf, noteKeyText, readNoteKey, verifyLog } from "@locum/audit";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../stack/free-port.ts";
import { type StartedCollector, startCollector } from "./start-collector.ts";
import { newApprover } from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

const patient = { timeout: 20_000, interval: 20 };
let dir: string;
let configFile: string;
let dataDir: string;
let stateDir: string;
let listen: string;
let collector: StartedCollector;
let sidecar: StartedSidecar;
let service: ReturnType<typeof serviceOf>;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-witness-"));
  [configFile, dataDir, stateDir] = [join(dir, "locum.yaml"), join(dir, "data"), join(dir, "state")];
  listen = `127.0.0.1:${await freePort()}`;
  const absent = { url: "http://127.0.0.1:1", modelDir: join(dir, "models") };
  service = serviceOf([{ id: "a", digits: absent }], { approver: newApprover(), dir, posture: "watch" });
  await writeFile(configFile, JSON.stringify(service));
  collector = await startCollector(configFile, { dataDir, listen });
  sidecar = await startSidecar(service, "a", { ...collector, collector: collector.url, stateDir });
});
afterEach(async () => {
  await sidecar.close();
  await collector.kill();
  await rm(dir, { recursive: true });
});

const newKey = () => generateKeyPairSync("ed25519").privateKey;
/** The log is signed as it ends and as it is opened: what lies between is in the next checkpoint. */
const restart = async (between: () => Promise<void> = async () => {}): Promise<void> => {
  await collector.kill("SIGTERM");
  await between();
  collector = await startCollector(configFile, { dataDir, listen });
};
const seen = async () =>
  ((await (await fetch(`${sidecar.control}/status`)).json()) as { witness: Record<string, unknown> }).witness;
const metric = async (name: string): Promise<number> => {
  const { tokens } = JSON.parse(await readFile(collector.tokenFile, "utf8"));
  const { token } = tokens.find(({ role }: { role: string }) => role === "viewer");
  const answer = await fetch(`${collector.url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return Number(new RegExp(`^locum_${name} (\\d+)`, "m").exec(await answer.text())?.[1]);
};
const cosigned = async (moreThan: number): Promise<number> => {
  await expect.poll(async () => (await seen()).size, patient).toBeGreaterThan(moreThan);
  await expect.poll(() => metric("witness_cosigned"), patient).toBe(1);
  return Number((await seen()).size);
};
const caught = async (): Promise<void> => {
  await expect.poll(async () => (await seen()).refused, patient).toBe("rewritten");
  const problem = { code: "evidence-invalid", detail: expect.stringContaining("digits/a proved") };
  await expect
    .poll(() => collector.get("/readyz"), patient)
    .toMatchObject({
      problems: [problem],
    });
  expect(await metric("witness_refusing")).toBe(1);
  expect(sidecar.logs.join("\n")).toContain("does not begin with");
  const refusals = () => collector.get("/v1/audit?kind=witness.refuse");
  await expect.poll(refusals, patient).toMatchObject({
    records: [{ event: { actor: "sidecar:a", facts: { outcome: "rewritten" } } }],
  });
};

test("a log that grows is cosigned, across restarts of both, and its folder shows who saw it", async () => {
  await restart();
  const size = await cosigned(0);
  await sidecar.close();
  await restart();
  sidecar = await startSidecar(service, "a", { ...collector, collector: collector.url, stateDir });
  const grown = await cosigned(size);
  await collector.kill("SIGTERM");
  const witness = readNoteKey(await readFile(join(dataDir, "witnesses.pub"), "utf8"));
  const key = readNoteKey(await readFile(join(dataDir, "audit-key.pub"), "utf8"));
  expect(witness.name).toBe("locum/witness/digits/a");
  const verdict = await verifyLog({ dir: join(dataDir, "audit"), key, witnesses: [witness] });
  expect(verdict).toMatchObject({ ok: true, witnesses: [{ name: witness.name, size: grown }] });
  const stranger = readNoteKey(noteKeyText(noteKeyOf({ ...witness, privateKey: newKey() }, "witness")));
  const demanded = await verifyLog({ dir: join(dataDir, "audit"), key, witnesses: [stranger] });
  expect(demanded).toMatchObject({
    ok: false,
    witnesses: [{ size: grown }],
    problems: [expect.stringContaining("cosigned neither")],
  });
});

test("an older backup that is put back is caught by one sidecar, even when it has grown since", async () => {
  await restart();
  await cosigned(0);
  await restart(() => cp(join(dataDir, "audit"), join(dir, "backup"), { recursive: true }));
  const old = await cosigned(Number((await seen()).size) - 1);
  await restart();
  const size = await cosigned(old);
  await restart(async () => {
    await rm(join(dataDir, "audit"), { recursive: true });
    await cp(join(dir, "backup"), join(dataDir, "audit"), { recursive: true });
    await rm(join(dataDir, "audit.db"));
  });
  await caught();
  for (let starts = 0; starts < 2; starts += 1) await restart();
  await expect.poll(() => metric("witness_refusing"), patient).toBe(1);
  expect(await seen()).toMatchObject({ size, refused: "rewritten" });
});

test("a log that was written anew with the same key is caught", async () => {
  await restart();
  await cosigned(0);
  await restart(async () => {
    for (const name of ["audit", "audit.db"]) await rm(join(dataDir, name), { recursive: true, force: true });
  });
  await caught();
});
