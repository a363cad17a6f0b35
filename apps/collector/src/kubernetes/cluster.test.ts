import { Collector } from "@locum/contracts";
import { afterEach, describe, expect, test, vi } from "vitest";
import { serviceConfig, startTestCollector, type TestCollector } from "../collector.fixture.ts";
import { connectSidecar, type TestSidecar } from "../sidecar.fixture.ts";
import { type ScriptedServer, startScriptedServer } from "./api-server.fixture.ts";
import { podObject } from "./pod.fixture.ts";

const ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

type World = { server: ScriptedServer; collector: TestCollector };

async function start(pods: readonly object[] = [], options: object = {}): Promise<World> {
  const server = await startScriptedServer();
  ends.push(() => server.close());
  for (const pod of pods) server.put(pod);
  const kubernetes = { namespaces: ["models"], ...options };
  const collector = await startTestCollector({
    service: serviceConfig({ collector: Collector.parse({ kubernetes }) }),
    deps: { openKubernetes: async () => server.kubernetes() },
  });
  ends.push(() => collector.close());
  return { server, collector };
}

const viewOf = ({ collector }: World) => collector.client("viewer");
const servicesOf = async (world: World) =>
  (await viewOf(world).services()).flatMap(({ service, instances }) =>
    service === "s" ? [] : [`${service} ${instances}`],
  );

async function connect(world: World, service: string, instance: string): Promise<TestSidecar> {
  const { url } = world.collector;
  const token = world.collector.token("sidecar");
  const sidecar = await connectSidecar({ url, token, instance, role: "standby", hello: { service } });
  ends.push(() => sidecar.end());
  const beat = setInterval(() => sidecar.isOpen() && sidecar.report(), 100);
  ends.push(() => clearInterval(beat));
  return sidecar;
}
const labelOf = ({ server }: World, name: string): unknown =>
  (server.pod("models", name)?.metadata.labels as Record<string, string> | undefined)?.["locum.dev/role"];

describe("pods as instances", () => {
  test("come by list and by watch, go by watch, and by a list after a gap", async () => {
    const world = await start([podObject("xray-1"), podObject("xray-2"), podObject("xray-3")]);
    const { server } = world;
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["xray 3"]));
    server.put(podObject("ct-1", { service: "ct" }));
    server.remove("models", "xray-3");
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["xray 2", "ct 1"]));
    const before = server.lists();
    // Said inside an open watch, with 200, as the real server does when a version is compacted away.
    server.send(JSON.stringify({ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }));
    await vi.waitFor(() => expect(server.lists()).toBeGreaterThan(before));
    server.cut();
    server.remove("models", "ct-1");
    server.put(podObject("xray-4"));
    server.cut();
    await vi.waitFor(async () => expect((await servicesOf(world))[0]).toBe("xray 3"), 5000);
  });

  test("what is no pod is passed over, in lists and in watches", async () => {
    const world = await start([
      podObject("xray-1"),
      { metadata: { name: "odd", namespace: "models" }, spec: 7 },
    ]);
    const { server } = world;
    for (const object of [
      null,
      7,
      [],
      {},
      { metadata: {} },
      { metadata: { name: "x", namespace: "models", uid: 1 } },
    ])
      server.send(JSON.stringify({ type: "ADDED", object }));
    server.send("no JSON");
    server.put(podObject("xray-2"));
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["xray 2"]), 5000);
  });
});

describe("of an exclusive service", () => {
  const pair = () =>
    ["icu-0", "icu-1"].map((name) => podObject(name, { service: "icu", poolClass: "exclusive" }));

  test("one is elected, and a promotion fences before it promotes", async () => {
    const world = await start(pair());
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["icu 2"]));
    await connect(world, "icu", "icu-0");
    await connect(world, "icu", "icu-1");
    const actives = () => ["icu-0", "icu-1"].filter((name) => labelOf(world, name) === "active");
    await vi.waitFor(() => expect(actives()).toHaveLength(1), 10_000);
    const [first = ""] = actives();
    const other = first === "icu-0" ? "icu-1" : "icu-0";
    await vi.waitFor(async () => expect((await viewOf(world).service("icu")).promoting).toBeNull(), 10_000);
    world.server.writes.length = 0;
    await world.collector.client("operator").promote({ service: "icu", instance: other });
    await vi.waitFor(() => expect(actives()).toEqual([other]), 10_000);
    const labels = world.server.writes.filter((line) => line.includes("locum.dev/role"));
    expect(labels[0]).toMatch(new RegExp(`${first}.*fenced`));
    expect(labels.find((line) => line.includes("active"))).toMatch(new RegExp(other));
    const [fence, promote] = ["fenced", "active"].map((word) =>
      labels.findIndex((line) => line.includes(word)),
    );
    expect(fence).toBeLessThan(promote ?? -1);
  });

  test("only the pods of namespaces that asked for promotion are labelled", async () => {
    const other = ["ct-0", "ct-1"].map((name) =>
      podObject(name, { namespace: "batch", service: "ct", poolClass: "exclusive" }),
    );
    const world = await start([...pair(), ...other], {
      namespaces: ["models", "batch"],
      promotion: ["models"],
    });
    await vi.waitFor(async () => expect((await servicesOf(world)).sort()).toEqual(["ct 2", "icu 2"]));
    // The one that must not be labelled is decided first.
    for (const name of ["ct-0", "ct-1"]) await connect(world, "ct", name);
    await vi.waitFor(async () => expect((await viewOf(world).service("ct")).active).toHaveLength(1), 10_000);
    for (const name of ["icu-0", "icu-1"]) await connect(world, "icu", name);
    await vi.waitFor(
      () => expect(["icu-0", "icu-1"].map((name) => labelOf(world, name))).toContain("active"),
      10_000,
    );
    const labels = world.server.writes.filter((line) => line.includes("locum.dev/role"));
    expect(labels.filter((line) => line.includes("icu-"))).toEqual(labels);
  });

  test("an active whose pod is being deleted hands over; one that vanished is replaced", async () => {
    const world = await start([...pair(), podObject("icu-2", { service: "icu", poolClass: "exclusive" })]);
    const { server } = world;
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["icu 3"]));
    const names = ["icu-0", "icu-1", "icu-2"];
    const sidecars = new Map<string, TestSidecar>();
    for (const name of names) sidecars.set(name, await connect(world, "icu", name));
    const actives = () => names.filter((name) => labelOf(world, name) === "active");
    const settled = async () => expect((await viewOf(world).service("icu")).promoting).toBeNull();
    await vi.waitFor(() => expect(actives()).toHaveLength(1), 10_000);
    await vi.waitFor(settled, 10_000);
    const [first = ""] = actives();
    const pod = server.pod("models", first);
    server.put({ ...pod, metadata: { ...pod?.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } });
    await vi.waitFor(() => expect(actives()).not.toContain(first), 10_000);
    await vi.waitFor(() => expect(actives()).toHaveLength(1), 10_000);
    await vi.waitFor(settled, 10_000);
    server.remove("models", first);
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["icu 2"]), 10_000);
    const incidents = await viewOf(world).incidents({ service: "icu" });
    expect(incidents).toEqual([]);

    const [second = ""] = actives();
    server.remove("models", second);
    await sidecars.get(second)?.end();
    const third = names.find((name) => name !== first && name !== second);
    await vi.waitFor(() => expect(actives()).toEqual([third]), 15_000);
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["icu 1"]), 10_000);
  });

  test("decisions do not wait for an API server that is away; the labels follow", async () => {
    const world = await start(pair());
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["icu 2"]));
    await connect(world, "icu", "icu-0");
    await connect(world, "icu", "icu-1");
    await vi.waitFor(
      () => expect([labelOf(world, "icu-0"), labelOf(world, "icu-1")]).toContain("active"),
      10_000,
    );
    const first = labelOf(world, "icu-0") === "active" ? "icu-0" : "icu-1";
    const other = first === "icu-0" ? "icu-1" : "icu-0";
    await vi.waitFor(async () => expect((await viewOf(world).service("icu")).promoting).toBeNull(), 10_000);
    world.server.hang(true);
    const { id } = await world.collector.client("operator").promote({ service: "icu", instance: other });
    expect(await world.collector.client("operator").wait(id)).toMatchObject({ state: "done" });
    expect(labelOf(world, first)).toBe("active");
    world.server.hang(false);
    await vi.waitFor(() => expect(labelOf(world, other)).toBe("active"), 15_000);
    expect(labelOf(world, first)).not.toBe("active");
  });

  test("a collector that starts while the API server is away knows its services", async () => {
    const world = await start(pair());
    await vi.waitFor(async () => expect(await servicesOf(world)).toEqual(["icu 2"]));
    world.server.hang(true);
    ends.pop();
    const again = await world.collector.restart();
    ends.push(() => again.close());
    const after = { ...world, collector: again };
    expect(await servicesOf(after)).toEqual(["icu 2"]);
    expect((await viewOf(after).pods()).kubernetes).toBe("behind");
    const sidecar = await connect(after, "icu", "icu-0");
    await vi.waitFor(() => expect(sidecar.frames.some(({ kind }) => kind === "ack")).toBe(true));
  });
});

describe("a projected token", () => {
  const token = `${"h".repeat(20)}.${"b".repeat(40)}.${"s".repeat(40)}`;
  const review = (status: object) => () => ({ status: 201, body: { metadata: {}, status } });
  const good = {
    authenticated: true,
    audiences: ["locum.dev-collector"],
    user: {
      username: "system:serviceaccount:models:default",
      extra: {
        "authentication.kubernetes.io/pod-name": ["xray-1"],
        "authentication.kubernetes.io/pod-uid": ["uid-xray-1"],
      },
    },
  };
  const open = (world: World, instance = "xray-1") =>
    connectSidecar({ url: world.collector.url, token, instance, hello: { service: "xray" } });

  test("is its own pod's, and fetches releases too", async () => {
    const world = await start([podObject("xray-1"), podObject("xray-2")]);
    world.server.answers.set("/tokenreviews", review(good));
    const own = await open(world);
    expect(own.isOpen()).toBe(true);
    await own.end();
    expect(await (await open(world, "xray-2")).closed).toMatchObject({ code: 1008 });
    const answer = await fetch(`${world.collector.url}/v1/releases/sha256:${"0".repeat(64)}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(answer.status).toBe(404);
  });

  test.each([
    ["is not good", { authenticated: false }],
    ["is for somebody else", { ...good, audiences: ["other"] }],
    ["is bound to no pod", { ...good, user: { ...good.user, extra: {} } }],
    ["is a person's", { ...good, user: { ...good.user, username: "admin" } }],
    [
      "is of a pod that is gone",
      {
        ...good,
        user: {
          ...good.user,
          extra: { ...good.user.extra, "authentication.kubernetes.io/pod-uid": ["older"] },
        },
      },
    ],
    ["is answered with nonsense", { authenticated: "yes" }],
  ])("that %s is refused", async (_what, status) => {
    const world = await start([podObject("xray-1")]);
    world.server.answers.set("/tokenreviews", review(status));
    await expect(open(world)).rejects.toThrow("401");
  });

  test("that cannot be reviewed is refused like a bad one", async () => {
    const world = await start([podObject("xray-1")]);
    world.server.hang(true);
    await expect(open(world)).rejects.toThrow("401");
  });
});
