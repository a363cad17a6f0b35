import { Fault, type Role } from "@locum/contracts";
import { expect, test } from "vitest";
import { podObject } from "./pod.fixture.ts";
import { createPodStore } from "./pod-store.fixture.ts";
import { createRoleLabels, isBehind } from "./role-labels.ts";
import { createRoster } from "./roster.ts";

function world() {
  const store = createPodStore(() => undefined);
  const writes: string[] = [];
  const fails = new Map<string, Fault>();
  const roster = createRoster([""]);
  const labels = createRoleLabels({
    roster,
    say: () => undefined,
    kubernetes: {
      get: async (_resource, { namespace, name }) => (store.get(namespace, name) ?? null) as never,
      patch: async (_resource, { namespace, name = "" }, body) => {
        const failure = fails.get(name);
        if (failure) throw failure;
        const pod = store.get(namespace, name);
        if (!pod) throw new Fault("not-found", "gone");
        const { status, body: after } = store.merge(pod, body as never);
        if (status === 409) throw new Fault("conflict", "409");
        const role = (body as { metadata: { labels: Record<string, string> } }).metadata.labels[
          "locum.dev/role"
        ];
        writes.push(`${name} ${role}`);
        return after as never;
      },
    },
  });
  const put = (name: string, role = "standby") =>
    store.put(podObject(name, { service: "icu", poolClass: "exclusive", role }));
  const list = () => roster.apply("", { kind: "all", items: store.all() as never });
  const keep = (term: number, epoch: number, roles: Record<string, Role>) =>
    labels.keep(roster.pods(), { term, epoch, roles: new Map(Object.entries(roles)) });
  return { store, writes, fails, roster, labels, put, list, keep };
}

test("fence first, then promote; a second time nothing is left to do", async () => {
  const { put, list, keep, writes } = world();
  put("b");
  put("a", "active");
  list();
  expect(await keep(1, 2, { a: "fenced", b: "active" })).toBe(true);
  expect(writes).toEqual(["a fenced", "b active"]);
  expect(await keep(1, 2, { a: "fenced", b: "active" })).toBe(true);
  expect(writes).toHaveLength(2);
});

test("nobody is promoted while the old one's label could not be taken; one that is gone has none", async () => {
  const { store, put, list, keep, writes, fails } = world();
  put("a", "active");
  put("b");
  list();
  fails.set("a", new Fault("upstream-timeout", "no answer"));
  expect(await keep(1, 2, { a: "fenced", b: "active" })).toBe(false);
  expect(writes).toEqual([]);
  fails.clear();
  store.remove("models", "a");
  expect(await keep(1, 2, { a: "fenced", b: "active" })).toBe(true);
  expect(writes).toEqual(["b active"]);
});

test("a pod that changed since it was read is read again", async () => {
  const { put, list, keep, store, writes } = world();
  put("a");
  list();
  store.put({ ...store.get("models", "a"), status: { phase: "Running" } });
  expect(await keep(1, 1, { a: "active" })).toBe(true);
  expect(writes).toEqual(["a active"]);
});

test("a lower term or epoch than any pod carries writes nothing", async () => {
  const { put, list, keep, writes, labels } = world();
  put("a");
  put("b", "active");
  list();
  await keep(2, 5, { a: "active", b: "fenced" });
  writes.length = 0;
  for (const [term, epoch] of [
    [1, 9],
    [2, 4],
  ] as const)
    expect(await keep(term, epoch, { a: "fenced", b: "active" })).toBe(false);
  expect(writes).toEqual([]);
  expect(labels.counts.refused).toBe(2);
  expect(await keep(2, 6, { a: "fenced", b: "active" })).toBe(true);
});

test("a pod that is made anew under the same name is another one", async () => {
  const { put, list, keep, store, writes } = world();
  put("a", "active");
  list();
  store.put({
    ...(podObject("a", { service: "icu", poolClass: "exclusive", role: "active" }) as { metadata: object }),
    metadata: { ...(store.get("models", "a")?.metadata ?? {}), uid: "new" },
  });
  await keep(1, 2, { a: "fenced" });
  expect(writes).toEqual([]);
});

test.each([
  ["1.1", null, false],
  ["1.1", "nonsense", false],
  ["1.1", "1.1", false],
  ["1.1", "1.2", true],
  ["1.9", "2.0", true],
  ["2.0", "1.9", false],
])("%s beside a pod of %s", (ours, seen, behind) => expect(isBehind(ours, seen)).toBe(behind));
