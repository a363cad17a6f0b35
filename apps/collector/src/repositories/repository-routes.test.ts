import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { serviceConfig, startTestCollector, type TestCollector } from "../collector.fixture.ts";
import { newTestRepository, type TestRepository } from "./repository.fixture.ts";

let kept: TestRepository;
let collector: TestCollector;
beforeAll(async () => {
  kept = await newTestRepository();
  await kept.commit({ "m.bin": randomBytes(200_000), "config.json": Buffer.from('{"a":1}') });
  collector = await startTestCollector({
    service: serviceConfig({ collector: { repositories: [kept.config()] } }),
  });
  await vi.waitFor(
    async () =>
      expect((await collector.client("viewer").storedSnapshots("s")).repository.restorable).toBe(true),
    { timeout: 8000 },
  );
});
afterAll(async () => {
  await collector.close();
  kept.close();
});

type Asked = {
  method?: string;
  role?: "admin" | "operator" | "viewer" | "sidecar";
  body?: unknown;
};
const ask = (path: string, { method = "GET", role = "sidecar", body }: Asked = {}) =>
  fetch(`${collector.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${collector.token(role)}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });

test("snapshots, their contents and what changed, a pin, a drill: on the real thread", async () => {
  const [viewer, operator] = [collector.client("viewer"), collector.client("operator")];
  const second = await kept.commit({ "m.bin": randomBytes(200_000), "new.json": Buffer.from("{}") });
  await operator.drillSnapshot("s");
  await vi.waitFor(
    async () => {
      const { repository } = await viewer.storedSnapshots("s");
      expect(repository).toMatchObject({ drilling: false, verified: second, drill: { snapshot: second } });
    },
    { timeout: 8000 },
  );
  const { snapshots } = await viewer.storedSnapshots("s");
  const [newest, first] = snapshots;
  expect(newest).toMatchObject({ id: second, channels: ["last-verified", "latest"], torn: false });
  const contents = await viewer.storedSnapshot("s", second, { against: first?.id ?? "" });
  expect(contents.files.map(({ path, bytes }) => [path, bytes])).toEqual(
    expect.arrayContaining([
      ["m.bin", 200_000],
      ["new.json", 2],
    ]),
  );
  expect(Object.fromEntries(contents.changes.map(({ path, change }) => [path, change]))).toEqual({
    "config.json": "gone",
    "m.bin": "changed",
    "new.json": "added",
  });
  expect(await operator.pinSnapshot("s", "hold-case", { snapshot: first?.id ?? "" })).toMatchObject({
    before: null,
  });
  expect((await viewer.storedSnapshots("s")).snapshots.at(-1)?.channels).toContain("hold-case");
  expect(await operator.unpinSnapshot("s", "hold-case", { reason: "closed" })).toMatchObject({
    before: first?.id,
    snapshot: null,
  });
  const metrics = await (await ask("/metrics", { role: "viewer" })).text();
  expect(metrics).toMatch(/^locum_repository_restorable\{service="s"\} 1$/m);
  expect(metrics).toMatch(/^locum_repository_rpo_age_\w+\{service="s"\} \d+/m);
});

test("keys come for a sidecar alone, and nobody keeps the answer", async () => {
  const { snapshots } = await collector.client("viewer").storedSnapshots("s");
  const id = snapshots[0]?.id ?? "";
  const path = `/v1/services/s/snapshots/${id}/keys`;
  const body = { instance: "a", files: [`snaps/${id}.sn`] };
  const answer = await ask(path, { method: "POST", body });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(await answer.json()).toMatchObject({ keys: [{ name: `snaps/${id}.sn` }] });
  for (const role of ["viewer", "operator", "admin"] as const)
    expect((await ask(path, { method: "POST", role, body })).status).toBe(403);
  const grants = collector.audit.records.filter(({ event }) => event.kind === "snapshot.key");
  expect(grants).toHaveLength(1);
  expect(JSON.stringify(collector.audit.records)).not.toMatch(/fileKey|idKey/);
});

test.each([
  ["broken JSON", "{"],
  ["nothing", {}],
  ["no file", { instance: "a", files: [] }],
  ["too many files", { instance: "a", files: Array(65).fill(`packs/00/${"0".repeat(64)}.pk`) }],
  ["a path that leads out", { instance: "a", files: ["packs/../../etc/passwd"] }],
  ["another file of the repository", { instance: "a", files: ["config"] }],
  ["files that are no list", { instance: "a", files: "snaps/x.sn" }],
  ["more than is asked for", { instance: "a", files: [`packs/00/${"0".repeat(64)}.pk`], key: 1 }],
  ["a megabyte", "x".repeat(1 << 20)],
])("keys asked for with %s are refused before anything is read", async (_, body) => {
  const path = `/v1/services/s/snapshots/${"0".repeat(26)}/keys`;
  const seen = () => collector.audit.records.filter(({ event }) => event.kind === "snapshot.key").length;
  const before = seen();
  const answer = await ask(path, { method: "POST", body });
  expect([413, 422]).toContain(answer.status);
  expect(seen()).toBe(before);
});

test.each([
  ["another service", "PUT", "/v1/services/t/snapshots/pins/hold-x", 404],
  ["a channel of a program", "PUT", "/v1/services/s/snapshots/pins/latest", 422],
  ["a path for a name", "PUT", "/v1/services/s/snapshots/pins/hold-..%2Fx", 422],
  ["a snapshot that is not there", "PUT", "/v1/services/s/snapshots/pins/hold-x", 404],
  ["no id", "GET", "/v1/services/s/snapshots/latest", 422],
])("%s: %s %s is %i", async (_, method, path, status) => {
  const body = method === "GET" ? undefined : { snapshot: "0".repeat(26) };
  expect((await ask(path, { method, role: "operator", body })).status).toBe(status);
});
