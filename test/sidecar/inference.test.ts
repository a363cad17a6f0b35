import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brokenProof, leafHash } from "@locum/audit";
import { isInBatch } from "@locum/audit/inference";
import { sha256Hex } from "@locum/contracts";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type LocumCommand, locumCommand } from "../stack/locum-command.ts";
import { type StartedCollector, startCollector } from "./start-collector.ts";
import { type Digits, newApprover, recordRelease, startDigits } from "./start-digits.ts";
import { type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";

const patient = { timeout: 20_000, interval: 20 };
let dir: string;
let digits: Digits;
let collector: StartedCollector;
let sidecar: StartedSidecar;
let locum: LocumCommand;
let service: ReturnType<typeof serviceOf>;
let release: string;
let body: string;
const records = () => join(dir, "records");

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-answers-"));
  digits = await startDigits();
  const approver = newApprover();
  service = serviceOf([{ id: "a", digits }], {
    approver,
    dir,
    inference: { records: "file", dir: records(), batchMs: 1000 },
  });
  await writeFile(join(dir, "locum.yaml"), JSON.stringify(service));
  collector = await startCollector(join(dir, "locum.yaml"), { dataDir: join(dir, "data") });
  sidecar = await start();
  const approved = await recordRelease(digits, approver);
  expect((await collector.post("/v1/releases", approved)).status).toBeLessThan(300);
  release = approved.digest;
  await vi.waitFor(() => expect(sidecar.report().release).toBe(release), patient);
  body = JSON.stringify(approved.body.goldens[0]?.request);
  locum = locumCommand({ dir });
}, 60_000);
afterAll(async () => {
  await sidecar?.close();
  await collector?.kill();
  await digits?.close();
  await rm(dir, { recursive: true, force: true });
});

const start = () =>
  startSidecar(service, "a", { ...collector, collector: collector.url, stateDir: join(dir, "state") });
const ask = async (headers: Record<string, string> = {}) => {
  const answer = await fetch(`${sidecar.tap}/v2/models/digits/infer`, {
    method: "POST",
    // The hash is over what went over the wire: a client that unpacks by itself sees other bytes.
    headers: { "content-type": "application/json", "accept-encoding": "identity", ...headers },
    body,
  });
  return { id: answer.headers.get("x-request-id") ?? "", text: await answer.text() };
};
const roots = async () =>
  (
    (await collector.get("/v1/audit?kind=inference.root")) as {
      records: { event: { facts: { count: number } } }[];
    }
  ).records;
const recorded = async (count: number) =>
  expect
    .poll(async () => (await roots()).reduce((sum, { event }) => sum + event.facts.count, 0), patient)
    .toBeGreaterThanOrEqual(count);
const answer = (id: string, ...more: string[]) =>
  locum.run(
    ...["audit", "answer", id, "--config", join(dir, "locum.yaml"), "--collector", collector.url],
    ...["--token-file", collector.tokenFile, ...more],
  );

test("a request can be asked about: model, release, configuration, instance, and every proof", async () => {
  const { id, text } = await ask({ "x-request-id": "order-4711" });
  expect(id).toBe("order-4711");
  await ask();
  await recorded(2);
  const people = await answer("order-4711");
  expect(people).toMatchObject({ code: 0, stderr: "" });
  expect(people.stdout).toMatch(/digits/);
  expect(people.stdout).toMatch(
    /proven {2}record \d+ of \d+ in digits\/a\/.*whose root is record \d+ of the log/,
  );

  const key = (await readFile(join(dir, "data", "audit-key.pub"), "utf8")).trim();
  const { code, stdout } = await answer("order-4711", "--key", key, "--json");
  expect(code).toBe(0);
  const said = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  expect(said.record).toMatchObject({
    id,
    service: "digits",
    answeredBy: "a",
    model: "digits",
    release,
    inputHash: `sha256:${sha256Hex(body)}`,
    outputHash: `sha256:${sha256Hex(text)}`,
    decision: "passed",
    status: 200,
  });
  expect(said.record.policy).toMatch(/^sha256:/);
  const path = said.batch.path.map((hash: string) => Buffer.from(hash, "base64"));
  expect(isInBatch({ ...said.batch, line: said.line, path })).toBe(true);
  expect(leafHash(said.line)).toHaveLength(32);
  expect(brokenProof([said.logged], said.log)).toBeUndefined();
});

test("an id that the tap made is found too, and one that nobody made is not", async () => {
  const before = (await roots()).reduce((sum, { event }) => sum + event.facts.count, 0);
  const { id } = await ask();
  await recorded(before + 1);
  expect((await answer(id)).code).toBe(0);
  expect((await answer("never-was-there")).code).toBe(13);
  expect((await answer("short")).code).toBe(64);
  expect((await answer(id, "--records", join(dir, "nowhere"))).code).toBe(13);
});

test("a batch that was changed proves nothing any more, and is named", async () => {
  await ask({ "x-request-id": "order-0815" });
  const find = async () => {
    const names = await readdir(records(), { recursive: true });
    for (const name of names.filter((one) => one.endsWith(".ndjson"))) {
      const text = await readFile(join(records(), name), "utf8");
      if (text.includes("order-0815")) return { name, text };
    }
    return undefined;
  };
  await expect.poll(find, patient).toBeDefined();
  await expect.poll(async () => (await answer("order-0815")).code, patient).toBe(0);
  const { name = "", text = "" } = (await find()) ?? {};
  await writeFile(join(records(), name), text.replace('"model":"digits"', '"model":"others"'));
  const changed = await answer("order-0815");
  expect(changed.code).toBe(14);
  expect(changed.stderr).toContain(name);
});

test("what was on its way when the sidecar stopped is in the log when it is back", async () => {
  await ask({ "x-request-id": "order-last" });
  await sidecar.close();
  sidecar = await start();
  await expect.poll(async () => (await answer("order-last")).code, patient).toBe(0);
});
