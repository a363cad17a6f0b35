import { generateKeyPairSync } from "node:crypto";
import { approveRelease, keyIdOf, type ReleaseBody } from "@locum/contracts";
import { FaultAnswer } from "@locum/contracts/client";
import { routes } from "@locum/contracts/routes";
import { afterEach, expect, test, vi } from "vitest";
import { serviceConfig, startTestCollector, type TestCollector } from "./collector.fixture.ts";
import { connectSidecar } from "./sidecar.fixture.ts";

const open: TestCollector[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});
type Start = Parameters<typeof startTestCollector>[0];
const start = async (options?: Start) => {
  const collector = await startTestCollector(options);
  open.push(collector);
  return collector;
};
type Ask = {
  role?: "admin" | "operator" | "viewer" | "sidecar";
  body?: unknown;
  headers?: Record<string, string>;
};
/** The app itself, without a socket. */
const ask = async (collector: TestCollector, path: string, { role, body, headers = {} }: Ask = {}) => {
  const authorization = role ? { authorization: `Bearer ${collector.token(role)}` } : {};
  const json = body === undefined ? {} : { "content-type": "application/json" };
  const sent = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  return collector.collector.app.request(path, {
    method: body === undefined ? "GET" : "POST",
    headers: { ...authorization, ...json, ...headers },
    ...(sent === undefined ? {} : { body: sent }),
  });
};
const key = { "idempotency-key": "key-of-the-test" };
const reload = { service: "s", instance: "a" };

const guarded = Object.values(routes).filter(({ security }) => security.length > 0);
test.each(guarded.map(({ method, path }) => [method, path] as const))(
  "%s %s answers nobody without a token, and says so in the one shape",
  async (method, path) => {
    const collector = await start();
    const url = path.replaceAll(/\{\w+\}/g, "s");
    for (const authorization of [
      "",
      "Bearer wrong-token-0123456789",
      `bearer ${collector.token("viewer")}x`,
    ]) {
      const answer = await collector.collector.app.request(url, {
        method: method.toUpperCase(),
        headers: { authorization },
      });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
      expect(FaultAnswer.parse(await answer.json())).toMatchObject({
        code: "not-authenticated",
        retry: "never",
      });
    }
  },
);

test.each([
  ["a viewer may not order", "/v1/reloads", "viewer"],
  ["an operator may not drill", "/v1/drills", "operator"],
  ["a sidecar may not look", "/v1/reloads", "sidecar"],
] as const)("%s", async (_, path, role) => {
  const collector = await start();
  const answer = await ask(collector, path, { role, body: { ...reload, fault: "nan" }, headers: key });
  expect(answer.status).toBe(403);
  expect(await answer.json()).toMatchObject({ code: "not-authorised" });
});

test("a sidecar's token opens releases and nothing else", async () => {
  const collector = await start();
  const digest = `sha256:${"0".repeat(64)}`;
  expect((await ask(collector, `/v1/releases/${digest}`, { role: "sidecar" })).status).toBe(404);
  expect((await ask(collector, "/v1/services", { role: "sidecar" })).status).toBe(403);
});

test.each([
  ["broken JSON", "{", 422, "request-invalid"],
  ["an unknown field", { ...reload, sudo: true }, 422, "request-invalid"],
  ["a missing field", { service: "s" }, 422, "request-invalid"],
  ["an unknown service", { service: "t", instance: "a" }, 404, "not-found"],
  ["an unknown instance", { service: "s", instance: "z" }, 404, "not-found"],
  ["a body beyond the limit", { ...reload, reason: "x".repeat(70_000) }, 413, "body-too-large"],
])("an order with %s", async (_, body, status, code) => {
  const collector = await start();
  const answer = await ask(collector, "/v1/reloads", { role: "operator", body, headers: key });
  expect(answer.status).toBe(status);
  expect(FaultAnswer.parse(await answer.json())).toMatchObject({ code });
});

test.each(["", "short", "with space in it", "x".repeat(129)])("the key %j is refused", async (given) => {
  const collector = await start();
  const headers = given === "" ? {} : { "idempotency-key": given };
  const answer = await ask(collector, "/v1/reloads", { role: "operator", body: reload, headers });
  expect(answer.status).toBe(422);
});

test("an order needs a key; the same key and body is the same operation, another body is a mismatch", async () => {
  const collector = await start();
  const first = await ask(collector, "/v1/reloads", { role: "operator", body: reload, headers: key });
  expect(first.status).toBe(202);
  const operation = (await first.json()) as { id: string };
  expect(first.headers.get("location")).toBe(`/v1/operations/${operation.id}`);
  const same = await ask(collector, "/v1/reloads", { role: "operator", body: reload, headers: key });
  expect(await same.json()).toMatchObject({ id: operation.id });
  for (const [path, body] of [
    ["/v1/reloads", { ...reload, instance: "b" }],
    ["/v1/restarts", reload],
  ] as const) {
    const other = await ask(collector, path, { role: "operator", body, headers: key });
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({ code: "idempotency-mismatch" });
  }
  // Another person's key of the same letters is another key.
  const admins = await ask(collector, "/v1/reloads", { role: "admin", body: reload, headers: key });
  expect(await admins.json()).not.toMatchObject({ id: operation.id });
  expect(await collector.client("viewer").operations()).toHaveLength(2);
});

test("twenty at once with one key are one operation", async () => {
  const collector = await start();
  const operator = collector.client("operator");
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => operator.reload(reload, { key: "one-key-for-all" })),
  );
  expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
  const orders = collector.audit.records.filter(({ event }) => event.kind === "operator.order");
  expect(orders).toHaveLength(1);
  expect(orders[0]?.event.actor).toBe("token:operator");
});

test("a refused order is an operation that says which rule stood against it", async () => {
  const collector = await start();
  const operation = await collector.client("operator").promote({ service: "s", instance: "b" });
  expect(operation).toMatchObject({ state: "refused", code: "refused", detail: "not heard of" });
  await expect(
    collector.client("operator").promote({ service: "s", instance: "b", force: true }),
  ).rejects.toMatchObject({ code: "not-authorised" });
});

test("drills only break what may be broken", async () => {
  const collector = await start();
  const admin = collector.client("admin");
  await expect(admin.drill({ service: "s", instance: "b", fault: "nan" })).rejects.toMatchObject({
    code: "refused",
  });
  expect(await admin.drill({ service: "s", instance: "a", fault: "nan" })).toMatchObject({ kind: "drill" });
});

test("pause and resume answer when they are stored", async () => {
  const collector = await start();
  const operator = collector.client("operator");
  const { pausedUntilMs } = await operator.pause({ service: "s", ms: 60_000, reason: "work" });
  expect(await operator.service("s")).toMatchObject({ pausedUntilMs });
  await operator.resume({ service: "s" });
  expect(await operator.service("s")).toMatchObject({ pausedUntilMs: null });
});

const approver = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const raw = publicKey.export({ format: "der", type: "spki" }).subarray(12).toString("base64");
  return {
    pem: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    entry: { keyId: keyIdOf(raw), publicKey: raw },
  };
};
const releaseBody = (patch: Partial<ReleaseBody> = {}): ReleaseBody => ({
  apiVersion: "locum.dev/v1alpha1",
  service: "s",
  createdAt: "2026-01-01T00:00:00.000Z",
  note: "first",
  tree: null,
  configuration: {},
  goldens: [],
  ...patch,
});

test("a release is taken with a known signature only, stored, and sent to the sidecars", async () => {
  const [known, stranger] = [approver(), approver()];
  const collector = await start({ service: serviceConfig({ approvers: [known.entry] }) });
  const a = await connectSidecar({ url: collector.url, token: collector.token("sidecar") });
  const operator = collector.client("operator");
  const release = approveRelease(releaseBody(), known.pem);
  await expect(operator.approveRelease(approveRelease(releaseBody(), stranger.pem))).rejects.toMatchObject({
    code: "release-unapproved",
  });
  const changed = { ...release, body: { ...release.body, note: "changed" } };
  await expect(operator.approveRelease(changed)).rejects.toMatchObject({ code: "release-invalid" });
  const foreign = approveRelease(releaseBody({ service: "t" }), known.pem);
  await expect(operator.approveRelease(foreign)).rejects.toMatchObject({ code: "not-found" });
  expect(await operator.approveRelease(release)).toMatchObject({
    digest: release.digest,
    approvedBy: [known.entry.keyId],
  });
  await operator.approveRelease(release);
  await vi.waitFor(() => expect(a.frames).toContainEqual({ kind: "release", release }));
  await vi.waitFor(() =>
    expect(collector.audit.records.filter(({ event }) => event.kind === "release.approve")).toHaveLength(1),
  );
  await a.end();

  open.splice(open.indexOf(collector), 1);
  const next = await collector.restart();
  open.push(next);
  expect(await next.client("viewer").release(release.digest)).toEqual(release);
  const held = await connectSidecar({
    url: next.url,
    token: next.token("sidecar"),
    hello: { releases: [release.digest] },
  });
  const without = await connectSidecar({ url: next.url, token: next.token("sidecar"), instance: "b" });
  await vi.waitFor(() => expect(without.frames).toContainEqual({ kind: "release", release }));
  expect(held.frames.filter(({ kind }) => kind === "release")).toEqual([]);
  await held.end();
  await without.end();
});

test("the audit log is filtered, paged and ordered", async () => {
  const collector = await start();
  const viewer = collector.client("viewer");
  await vi.waitFor(async () => expect((await viewer.audit()).length).toBeGreaterThanOrEqual(2));
  const [first, second] = await viewer.audit({ limit: 2 });
  expect([first?.event.kind, second?.event.kind]).toEqual(["collector.start", "collector.takeover"]);
  expect(await viewer.audit({ after: 0, limit: 1 })).toMatchObject([{ seq: 1 }]);
  expect(await viewer.audit({ kind: ["collector.takeover"] })).toHaveLength(1);
  expect((await viewer.audit({ order: "desc", limit: 1 }))[0]?.seq).toBe(collector.audit.head().seq);
  expect((await ask(collector, "/v1/audit?kind=none", { role: "viewer" })).status).toBe(422);
  expect((await ask(collector, "/v1/audit?limit=1001", { role: "viewer" })).status).toBe(422);
});

test("events resume after the last one that was seen: none is missed, none comes twice", async () => {
  const collector = await start();
  const [viewer, operator] = [collector.client("viewer"), collector.client("operator")];
  const seen: number[] = [];
  const follow = async (after: number | undefined, count: number) => {
    const ending = new AbortController();
    for await (const event of viewer.events({
      signal: ending.signal,
      ...(after === undefined ? {} : { after }),
    })) {
      if (event.kind === "audit") seen.push(event.record.seq);
      if (seen.length >= count) ending.abort();
    }
  };
  await vi.waitFor(() => expect(collector.audit.head().seq).toBeGreaterThanOrEqual(1));
  await follow(-1 + 1, 1);
  // While nobody watches, more happens.
  await operator.pause({ service: "s" });
  await operator.resume({ service: "s" });
  const live = follow(seen.at(-1), 5);
  await operator.pause({ service: "s" });
  await operator.resume({ service: "s" });
  await live;
  expect(seen).toEqual([1, 2, 3, 4, 5]);
});

test("a change of a report reaches who watches at once", async () => {
  const collector = await start();
  const ending = new AbortController();
  const watched = (async () => {
    for await (const event of collector.client("viewer").events({ service: "s", signal: ending.signal }))
      if (event.kind === "report" && event.instance.report?.diverted) return event.instance;
    return undefined;
  })();
  const a = await connectSidecar({ url: collector.url, token: collector.token("sidecar") });
  a.report();
  await vi.waitFor(async () => {
    a.report({ diverted: false });
    a.report({ diverted: true });
    expect(await Promise.race([watched, Promise.resolve(null)])).toMatchObject({ instance: "a" });
  });
  ending.abort();
  await a.end();
});

test("probes and metrics answer; the document is the one in the repository", async () => {
  const collector = await start();
  expect((await ask(collector, "/livez")).status).toBe(200);
  expect(await (await ask(collector, "/readyz")).json()).toEqual({ ready: true, problems: [] });
  expect((await ask(collector, "/metrics")).status).toBe(401);
  const metrics = await ask(collector, "/metrics", { role: "viewer" });
  expect(metrics.headers.get("content-type")).toContain("text/plain");
  const text = await metrics.text();
  for (const line of text.trimEnd().split("\n"))
    expect(line).toMatch(
      /^(# (HELP|TYPE) locum_\w+ .+|locum_\w+(\{\w+="[^"]*"(,\w+="[^"]*")*\})? -?[\d.e+-]+|locum_\w+(\{.*\})? NaN)$/,
    );
  expect(text).toContain('locum_epoch{service="s"} 0');
  expect(await (await ask(collector, "/openapi.json")).json()).toMatchObject({ openapi: "3.1.0" });
  expect((await ask(collector, "/v2/nothing", { role: "viewer" })).status).toBe(404);
});

/** Over a socket: there a request is not of the class that a test makes. */
const stream = (collector: TestCollector, path: string, chunks: string[]) => {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
  const headers = {
    authorization: `Bearer ${collector.token("viewer")}`,
    "content-type": "application/json",
  };
  return fetch(collector.url + path, { method: "POST", headers, body, duplex: "half" } as RequestInit);
};

test("a body that does not say its length is taken, and only so far", async () => {
  const collector = await start();
  const taken = await stream(collector, "/v1/audit/search", ['{"limit":', "1}"]);
  expect([taken.status, Object.keys((await taken.json()) as object).sort()]).toEqual([
    200,
    ["aggregations", "next", "records"],
  ]);
  const broken = await stream(collector, "/v1/audit/search", ['{"limit":', "-1}"]);
  expect([broken.status, await broken.json()]).toMatchObject([422, { code: "request-invalid" }]);
  const long = await stream(collector, "/v1/audit/search", [" ".repeat(40_000), " ".repeat(40_000)]);
  expect([long.status, await long.json()]).toMatchObject([413, { code: "body-too-large" }]);
});

test("a request with no body at all is answered", async () => {
  const collector = await start();
  const headers = { authorization: `Bearer ${collector.token("viewer")}` };
  const answer = await fetch(`${collector.url}/v1/console/links`, { method: "POST", headers });
  expect(answer.status).toBe(200);
});
