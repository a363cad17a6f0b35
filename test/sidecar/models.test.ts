import { readFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { corrupt } from "./corrupt.ts";
import { type Approver, fixtures, newApprover, writeRelease } from "./start-digits.ts";
import { type Models, recordModels, startModels } from "./start-models.ts";
import { type ServiceParts, type StartedSidecar, serviceOf, startSidecar } from "./start-sidecar.ts";
import { sendTraffic, type TrafficClient } from "./traffic-client.ts";

const patient = { timeout: 15_000, interval: 20 };
const twoModels = { "digits/model.onnx": "model.onnx", "older/model.onnx": "older/model.onnx" };
const twoVersions = { "digits/1/model.onnx": "older/model.onnx", "digits/2/model.onnx": "model.onnx" };

let approver: Approver;
let servers: Models[] = [];
let sidecars: StartedSidecar[] = [];
let clients: TrafficClient[] = [];

beforeEach(() => {
  approver = newApprover();
});
afterEach(async () => {
  await Promise.all(clients.map((client) => client.stop()));
  await Promise.all(sidecars.map((sidecar) => sidecar.close()));
  await Promise.all(servers.map((server) => server.close()));
  [servers, sidecars, clients] = [[], [], []];
});

/** Instances a, b, ... with the same models, fit for all of them. */
async function startFleet(
  files: Record<string, string>,
  keys: readonly string[],
  { count = 2, shadow = false, ...parts }: ServiceParts & { count?: number; shadow?: boolean } = {},
): Promise<StartedSidecar[]> {
  servers = await Promise.all(Array.from({ length: count }, () => startModels(files)));
  const dir = servers[0]?.dir ?? "";
  await writeRelease(`${dir}/releases`, await recordModels(serverOf(0), keys, approver));
  const instances = await Promise.all(
    servers.map(async (digits, index) => ({
      id: "abc".charAt(index),
      role: index === 0 ? "active" : "standby",
      digits,
      ...(shadow && index === count - 1 ? { shadow } : {}),
      sidecar: { tap: `127.0.0.1:${await freePort()}`, control: `127.0.0.1:${await freePort()}` },
    })),
  );
  const service = serviceOf(instances, { approver, dir, failover: { onUnapproved: "hold" }, ...parts });
  sidecars = await Promise.all(instances.map(({ id }) => startSidecar(service, id)));
  const proven = () => sidecars.map((one) => one.report().goldens);
  await expect.poll(proven, patient).toEqual(sidecars.map(() => "proven"));
  const seen = async () => (await statusOf(sidecarOf(0))).peers.every(({ fit }) => fit);
  if (count > 1) await expect.poll(seen, patient).toBe(true);
  return sidecars;
}
const serverOf = (index: number): Models => must(servers[index]);
const sidecarOf = (index: number): StartedSidecar => must(sidecars[index]);
const traffic = (sidecar: StartedSidecar, path: string): TrafficClient => {
  const client = sendTraffic(sidecar.tap, { path });
  clients.push(client);
  return client;
};
const flowing = async (client: TrafficClient, more: number): Promise<void> => {
  const { length } = client.sent;
  await expect.poll(() => client.sent.length, patient).toBeGreaterThan(length + more);
};
const modelsOf = (sidecar: StartedSidecar): Record<string, string> =>
  Object.fromEntries(
    Object.entries(sidecar.report().models ?? {}).map(([name, { verdict }]) => [name, verdict.kind]),
  );

describe("two models on one server, one of them wrong", () => {
  it("its requests go to the other instance, and its neighbour's never leave and never fail", async () => {
    const [a, b] = (await startFleet(twoModels, ["digits", "older"])) as [StartedSidecar, StartedSidecar];
    const neighbour = traffic(a, "/v2/models/digits/infer");
    const bad = traffic(a, "/v2/models/older/infer");
    await Promise.all([flowing(neighbour, 40), flowing(bad, 40)]);
    await corrupt(serverOf(0).fileOf("older/model.onnx"));
    await serverOf(0).load("older");
    await expect.poll(() => a.report().models?.older?.diverted, patient).toBe(true);
    const since = bad.sent.length;
    await Promise.all([flowing(neighbour, 40), flowing(bad, 40)]);
    expect(modelsOf(a)).toEqual({ digits: "healthy", older: "failed" });
    expect([a.verdict(), a.report().diverted, b.verdict()]).toEqual(["healthy", false, "healthy"]);
    expect(bad.sent.slice(since + 5).every(({ right }) => right)).toBe(true);
    await bad.stop();
    const reached = b.app.tap?.progress().started;
    await flowing(neighbour, 60);
    expect(b.app.tap?.progress().started).toBe(reached);
    expect([neighbour.failed(), neighbour.wrong(), bad.failed()]).toEqual([0, 0, 0]);
  });

  it("each instance answers for the model that the other is wrong about", async () => {
    const [a, b] = (await startFleet(twoModels, ["digits", "older"])) as [StartedSidecar, StartedSidecar];
    serverOf(0).server.faults.order({ kind: "garbage", model: "digits" });
    serverOf(1).server.faults.order({ kind: "garbage", model: "older" });
    await expect
      .poll(() => [modelsOf(a), modelsOf(b)], patient)
      .toEqual([
        { digits: "failed", older: "healthy" },
        { digits: "healthy", older: "failed" },
      ]);
    await expect
      .poll(async () => (await statusOf(a)).peers, patient)
      .toMatchObject([{ id: "b", fit: false, models: ["digits"] }]);
    await expect.poll(async () => (await statusOf(b)).peers[0]?.models, patient).toEqual(["older"]);
    const known = await right(servers, "digits");
    for (const sidecar of [a, b]) expect(await answerOf(`${sidecar.tap}/v2/models/digits/infer`)).toBe(known);
  });

  it("fails closed for the wrong model alone where nobody is fit for it", async () => {
    const [a] = (await startFleet(twoModels, ["digits", "older"], {
      count: 1,
      failover: { failClosed: true, onUnapproved: "hold", mode: "auto" },
    })) as [StartedSidecar];
    serverOf(0).server.faults.order({ kind: "garbage", model: "older" });
    await expect.poll(() => modelsOf(a).older, patient).toBe("failed");
    const neighbour = traffic(a, "/v2/models/digits/infer");
    const bad = traffic(a, "/v2/models/older/infer");
    await Promise.all([flowing(neighbour, 20), flowing(bad, 20)]);
    expect([neighbour.failed(), neighbour.wrong()]).toEqual([0, 0]);
    expect(bad.sent.every(({ status }) => status === 503)).toBe(true);
  });
});

describe("one wrong model that nobody in the path can part from its neighbours", () => {
  it("drains its instance only while another one is fit for every model", async () => {
    const [a, b] = (await startFleet(twoModels, ["digits", "older"], { posture: "watch" })) as [
      StartedSidecar,
      StartedSidecar,
    ];
    expect(await wordOf(a)).toBe("up ready 100%");
    serverOf(0).server.faults.order({ kind: "garbage", model: "older" });
    await expect.poll(() => wordOf(a), patient).toBe("drain");
    expect(modelsOf(a)).toEqual({ digits: "healthy", older: "failed" });
    serverOf(1).server.faults.order({ kind: "garbage", model: "digits" });
    await expect.poll(() => modelsOf(b).digits, patient).toBe("failed");
    await expect.poll(() => wordOf(a), patient).toBe("up ready 1%");
    expect((await statusOf(a)).divert).toMatch(
      /no other instance is fit for every model.*older: wrong-output/,
    );
  });
});

describe("the repair of one model", () => {
  it("puts its files back and loads it alone: its neighbour goes on being judged and served", async () => {
    const [a] = (await startFleet(twoModels, ["digits", "older"], {
      count: 1,
      failover: { onUnapproved: "restore" },
    })) as [StartedSidecar];
    await expect.poll(() => a.report().restorable.length, patient).toBe(1);
    const neighbour = traffic(a, "/v2/models/digits/infer");
    const seen = new Set<string>();
    const look = setInterval(() => {
      const { digits } = a.report().models ?? {};
      seen.add(`${digits?.verdict.kind} ${digits?.goldens} ${digits?.diverted}`);
    }, 5);
    await corrupt(serverOf(0).fileOf("older/model.onnx"));
    await serverOf(0).load("older");
    await expect.poll(() => modelsOf(a).older, patient).toBe("failed");
    await expect.poll(() => a.report().fit, patient).toBe(true);
    clearInterval(look);
    const back = await readFile(serverOf(0).fileOf("older/model.onnx"));
    expect(back.equals(await readFile(`${fixtures}/older/model.onnx`))).toBe(true);
    expect([...seen]).toEqual(["healthy proven false"]);
    expect([neighbour.failed(), neighbour.wrong()]).toEqual([0, 0]);
  });

  it("loads the one that is wrong with right files, and no other", async () => {
    const [a] = (await startFleet(twoModels, ["digits", "older"], { count: 1 })) as [StartedSidecar];
    serverOf(0).server.faults.order({ kind: "nan", model: "older", untilReload: true });
    await expect.poll(() => modelsOf(a).older, patient).toBe("failed");
    await expect.poll(() => a.report().fit, patient).toBe(true);
    expect(serverOf(0).server.faults.state().order.kind).toBe("none");
  });
});

describe("two versions of one model", () => {
  it("are judged apart, and only requests that may mean the wrong one go elsewhere", async () => {
    const keys = ["digits@1", "digits@2"];
    const [a, b] = (await startFleet(twoVersions, keys)) as [StartedSidecar, StartedSidecar];
    const second = traffic(a, "/v2/models/digits/versions/2/infer");
    await flowing(second, 20);
    await corrupt(serverOf(0).fileOf("digits/1/model.onnx"));
    await serverOf(0).load("digits");
    await expect.poll(() => modelsOf(a), patient).toEqual({ "digits@1": "failed", "digits@2": "healthy" });
    const reached = b.app.tap?.progress().started;
    await flowing(second, 30);
    expect(b.app.tap?.progress().started).toBe(reached);
    expect([second.failed(), second.wrong()]).toEqual([0, 0]);
    const path = "/v2/models/digits/versions/1/infer";
    await expect
      .poll(() => answerOf(`${a.tap}${path}`), patient)
      .toBe(await answerOf(`${serverOf(1).url}${path}`));
  });
});

describe("a shadow", () => {
  it("is asked and judged, and gets no traffic even where nobody else is right", async () => {
    const [a, b] = (await startFleet(twoModels, ["digits", "older"], { shadow: true })) as [
      StartedSidecar,
      StartedSidecar,
    ];
    expect(b.report()).toMatchObject({ role: "standby", goldens: "proven", fit: false });
    expect((await fetch(`${b.control}/readyz`)).status).toBe(503);
    expect((await statusOf(a)).peers).toEqual([]);
    serverOf(0).server.faults.order({ kind: "garbage" });
    await expect.poll(() => a.verdict(), patient).toBe("failed wrong-output hard");
    const client = traffic(a, "/v2/models/digits/infer");
    await flowing(client, 20);
    expect(b.app.tap?.progress().started).toBe(0);
    serverOf(1).server.faults.order({ kind: "garbage", model: "older" });
    await expect.poll(() => modelsOf(b).older, patient).toBe("failed");
  });
});

const image = { inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], data: Array(64).fill(0.5) }] };

async function answerOf(url: string): Promise<string> {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(image) });
  const { outputs } = (await answer.json()) as { outputs?: unknown };
  return JSON.stringify(outputs);
}

/** What the model answers where no fault is ordered for it. */
const right = async ([, b]: Models[], name: string): Promise<string> =>
  answerOf(`${must(b).url}/v2/models/${name}/infer`);

async function statusOf({ control }: StartedSidecar) {
  type Seen = { id: string; fit: boolean; models?: string[] };
  return (await (await fetch(`${control}/status`)).json()) as { peers: Seen[]; divert: string };
}

/** What its agent-check says. */
const wordOf = ({ agent }: StartedSidecar): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ port: agent, host: "127.0.0.1" });
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("end", () => resolve(text.trim()));
  });

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the fleet has no such instance");
  return value;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
