import { afterEach, expect, test, vi } from "vitest";
import { startTestCollector, type TestCollector } from "./collector.fixture.ts";
import { connectSidecar, type TestSidecar } from "./sidecar.fixture.ts";

const open: (TestCollector | TestSidecar)[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await ("end" in one ? one.end() : one.close());
});
const start = async (...args: Parameters<typeof startTestCollector>) => {
  const collector = await startTestCollector(...args);
  open.push(collector);
  return collector;
};
const sidecar = async (collector: TestCollector, instance: string, more: object = {}) => {
  const connected = await connectSidecar({
    url: collector.url,
    token: collector.token("sidecar"),
    instance,
    ...more,
  });
  open.push(connected);
  return connected;
};
const kinds = ({ audit }: TestCollector) => audit.records.map(({ event }) => event.kind);

test("sidecars are welcomed, acknowledged and shown", async () => {
  const collector = await start();
  const a = await sidecar(collector, "a");
  a.report();
  await vi.waitFor(() => expect(a.frames.map(({ kind }) => kind)).toContain("ack"));
  expect(a.frames[0]).toMatchObject({ kind: "welcome", version: 1, term: 1 });
  const client = collector.client("viewer");
  await vi.waitFor(async () => {
    expect(await client.instance("s", "a")).toMatchObject({ connected: true, report: { fit: true } });
  });
  expect(await client.services()).toMatchObject([{ service: "s", active: ["a"], term: 1 }]);
  await vi.waitFor(() => expect(a.frames.map(({ kind }) => kind)).toContain("policy"));
});

test("an active that fails with proof is replaced: intent first, then commands", async () => {
  const collector = await start();
  const [a, b] = [await sidecar(collector, "a"), await sidecar(collector, "b")];
  const beat = setInterval(() => [a, b].map((one) => one.isOpen() && one.report()), 100);
  try {
    await vi.waitFor(async () =>
      expect((await collector.client("viewer").services())[0]?.fit).toEqual(["a", "b"]),
    );
    a.report({
      verdict: { kind: "failed", failure: "wrong-output", hard: true, evidence: [] },
      fit: false,
      goldens: "failed",
      diverted: true,
    });
    await vi.waitFor(() => expect(kinds(collector)).toContain("promote.settle"), { timeout: 10_000 });
    expect(await collector.client("viewer").service("s")).toMatchObject({ active: ["b"], epoch: 1 });
    expect(kinds(collector).indexOf("promote.intent")).toBeLessThan(
      kinds(collector).indexOf("promote.commit"),
    );
    expect(b.commands().map(({ act }) => act.kind)).toContain("promote");
    const [incident] = await collector.client("viewer").incidents();
    expect(incident).toMatchObject({ instance: "a", failure: "wrong-output" });
  } finally {
    clearInterval(beat);
  }
});

test("with a full disk no command leaves, readiness says so, and all goes on when there is room", async () => {
  const collector = await start();
  const a = await sidecar(collector, "a");
  a.report();
  const [viewer, operator] = [collector.client("viewer"), collector.client("operator")];
  await vi.waitFor(async () => expect((await viewer.instance("s", "a")).report).not.toBeNull());
  await vi.waitFor(() => expect(kinds(collector)).toContain("verdict.change"));

  collector.audit.failWith(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
  const operation = await operator.reload({ service: "s", instance: "a" });
  await vi.waitFor(async () => expect(await figure(collector, "locum_commands_withheld_total")).toBe(1));
  expect(a.commands()).toEqual([]);
  expect(kinds(collector)).not.toContain("reload.intent");
  expect(await viewer.ready()).toMatchObject({ ready: false, problems: [{ code: "disk-full" }] });
  expect((await viewer.operation(operation.id)).state).toBe("running");
  // Its intent could not be written: it is not even begun.
  await expect(operator.restart({ service: "s", instance: "a" })).rejects.toMatchObject({
    code: "disk-full",
  });

  collector.audit.failWith(null);
  expect(await viewer.wait(operation.id, { pollMs: 20, timeoutMs: 10_000 })).toMatchObject({ state: "done" });
  await vi.waitFor(() => expect(kinds(collector)).toContain("reload.result"));
  expect(kinds(collector).filter((kind) => kind.startsWith("reload"))).toEqual([
    "reload.intent",
    "reload.result",
  ]);
  expect(await viewer.ready()).toEqual({ ready: true, problems: [] });
});

async function figure(collector: TestCollector, name: string): Promise<number> {
  const headers = { authorization: `Bearer ${collector.token("viewer")}` };
  const text = await (await fetch(`${collector.url}/metrics`, { headers })).text();
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "m").exec(text)?.[1]);
}

test("a restart resumes what was open", async () => {
  const first = await start();
  const a = await sidecar(first, "a", { obey: false });
  a.report();
  await vi.waitFor(async () =>
    expect((await first.client("viewer").instance("s", "a")).report).not.toBeNull(),
  );
  const operation = await first.client("operator").reload({ service: "s", instance: "a", reason: "try" });
  await vi.waitFor(() => expect(a.commands().map(({ id }) => id)).toContain(operation.id));
  open.splice(open.indexOf(first), 1);
  const second = await first.restart();
  open.push(second);
  expect((await second.client("viewer").services())[0]?.term).toBe(2);
  const again = await sidecar(second, "a", { incarnation: "boot-2" });
  again.report();
  const ended = await second.client("viewer").wait(operation.id, { pollMs: 20, timeoutMs: 10_000 });
  expect(ended).toMatchObject({ id: operation.id, state: "done", kind: "reload" });
  expect(again.commands().filter(({ id }) => id === operation.id)).toHaveLength(1);
});

test("a key used again after a restart is the same operation", async () => {
  const first = await start();
  const a = await sidecar(first, "a", { obey: false });
  a.report();
  await vi.waitFor(async () =>
    expect((await first.client("viewer").instance("s", "a")).report).not.toBeNull(),
  );
  const key = "the-same-key";
  const operator = first.client("operator");
  const { id } = await operator.reload({ service: "s", instance: "a" }, { key });
  open.splice(open.indexOf(first), 1);
  const second = await first.restart();
  open.push(second);
  expect(await second.client("operator").reload({ service: "s", instance: "a" }, { key })).toMatchObject({
    id,
  });
  expect(await second.client("viewer").operations()).toHaveLength(1);
});
