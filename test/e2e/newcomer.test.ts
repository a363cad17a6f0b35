import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startDigits } from "../stack/digits-server.ts";
import { type LocumCommand, locumCommand, type Running } from "../stack/locum-command.ts";
import type { ModelProcess } from "../stack/model-process.ts";
import { processesNaming } from "../stack/process-tree.ts";
import { type StackView, viewStack } from "../stack/stack-view.ts";
import { digits, liveFile, strikes } from "../stack/strikes.ts";
import { until } from "../stack/until.ts";
import { images, referenceAnswers, startWitness, type Witness } from "../stack/witness.ts";

/** What a newcomer does with two servers of his own: init, golden record, up, and nothing edited in between. */
describe("three commands against servers that run already", () => {
  let dir: string;
  let config: string;
  let models: ModelProcess[];
  let locum: LocumCommand;
  let running: Running;
  let view: StackView;
  let references: Float64Array[];

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "locum-newcomer-"));
    config = join(dir, "locum.yaml");
    models = await Promise.all(["a", "b"].map((id) => startDigits({ id, dir })));
    locum = locumCommand({ dir });
    references = await referenceAnswers(models[0]?.url ?? "");
  });
  afterAll(async () => {
    await running?.end();
    for (const model of models ?? []) await model.close();
    await rm(dir, { recursive: true, force: true });
  });

  it("init writes a configuration that check accepts", async () => {
    const pairs = models.flatMap(({ url, repository }) => ["--upstream", url, "--model-dir", repository]);
    await locum.done("init", "--service", "digits", ...pairs, "--out", config);
    expect(await readFile(config, "utf8")).toMatch(/^posture: tap$/m);
    await locum.done("check", "--config", config, "--online");
  });

  it("golden record writes the first release", async () => {
    await locum.done("golden", "record", "--config", config, "--inputs", digits.goldenRequests);
    expect(await readdir(join(dir, "releases"))).toHaveLength(1);
  });

  it("up says on its first line where everything listens", async () => {
    running = await locum.up(config);
    const url = expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(running.line).toMatchObject({
      collector: url,
      service: { digits: url },
      sidecars: [{ id: "a" }, { id: "b" }],
      tokenFile: expect.stringContaining(dir),
    });
    view = viewStack(running);
    const reports = await view.settled();
    expect([reports.a?.role, reports.b?.role]).toEqual(["active", "standby"]);
  });

  it.each(sameAnswers())("%s is answered as by the server itself", async (_name, path, request) => {
    const [direct, tapped] = await Promise.all(
      [models[0]?.url, view.service].map((url) => answerOf(`${url}${path}`, request)),
    );
    expect(tapped).toEqual(direct);
  });

  it("a killed server costs no request", async () => {
    const { active, standby } = await roles();
    const witness = await steadyWitness();
    await strikes.crash(active);
    await until(async () => (await view.report(standby.id))?.role === "active", {
      what: "the standby to be promoted",
    });
    await active.revive();
    await view.settled();
    await witness.end();
    expect(badAnswers(witness)).toEqual([]);
  });

  it("a wrong answer with status 200 is diverted, the files are put back and proven", async () => {
    const { active } = await roles();
    const witness = await steadyWitness();
    await strikes.corrupt(active);
    await until(async () => (await view.report(active.id))?.diverted, { what: "the divert" });
    await view.settled();
    const settledMs = performance.now();
    await until(() => witness.answers().filter(({ sentMs }) => sentMs > settledMs).length > 20, {
      what: "answers after it",
    });
    await witness.end();
    expect(await readFile(liveFile(active))).toEqual(await readFile(digits.current));
    const late = witness.answers().filter(({ sentMs }) => sentMs > settledMs);
    expect(late.filter(({ outcome }) => outcome !== "right")).toEqual([]);
    expect(witness.answers().filter(({ outcome }) => outcome === "failed")).toEqual([]);
  });

  it("status tells it to a script", async () => {
    const { line } = running;
    const access = ["--collector", line.collector, "--token-file", line.tokenFile];
    const { stdout } = await locum.done("status", "--config", config, ...access, "--json");
    const lines = stdout.trim().split("\n");
    const summary = JSON.parse(lines.at(-1) ?? "");
    expect(summary).toMatchObject({ kind: "summary" });
    expect(JSON.stringify(summary)).toContain('"digits"');
  });

  it("up ends on SIGTERM and leaves no process and no file elsewhere", async () => {
    expect(await running.end()).toBe(0);
    await until(() => processesNaming(config).length === 0 && running.child.exitCode !== null, {
      what: "every process of up to be gone",
    });
    expect(await readdir(join(dir, "tmp"))).toEqual([]);
    expect(await readdir(join(dir, "home"))).toEqual([]);
    const known = /^(\.locum|\.twin|a|b|home|tmp|operator|releases|locum\.yaml|up\.log|[ab]\.(pid|wanted))/;
    expect((await readdir(dir)).filter((name) => !known.test(name))).toEqual([]);
  });

  async function roles(): Promise<{ active: ModelProcess; standby: ModelProcess }> {
    const reports = await view.settled();
    const active = models.find(({ id }) => reports[id]?.role === "active");
    const standby = models.find(({ id }) => id !== active?.id);
    if (!active || !standby) throw new Error("no active and standby");
    return { active, standby };
  }

  async function steadyWitness(): Promise<Witness> {
    const witness = startWitness({ url: view.service, references, perSecond: 50 });
    await until(() => witness.answers().length > 10, { what: "the first answers" });
    return witness;
  }
});

const badAnswers = (witness: Witness) => witness.answers().filter(({ outcome }) => outcome !== "right");

type Case = [name: string, path: string, request: RequestInit];

function sameAnswers(): Case[] {
  const infer = "/v2/models/digits/infer";
  const json = (body: unknown): RequestInit => ({
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const input = { name: "image", datatype: "FP32", shape: [1, 64], data: images[3] };
  return [
    ["the server's identity", "/v2", {}],
    ["liveness", "/v2/health/live", {}],
    ["readiness", "/v2/health/ready", {}],
    ["a model's metadata", "/v2/models/digits", {}],
    ["a model's readiness", "/v2/models/digits/ready", {}],
    ["a JSON inference", infer, json({ id: "42", inputs: [input] })],
    [
      "a JSON inference for binary outputs",
      infer,
      json({ id: "7", inputs: [input], parameters: { binary_data_output: true } }),
    ],
    ["a binary inference", infer, binaryRequest()],
    ["broken JSON", infer, json("{ nothing")],
    ["a wrong shape", infer, json({ inputs: [{ ...input, shape: [1, 63] }] })],
    ["a wrong datatype", infer, json({ inputs: [{ ...input, datatype: "INT32" }] })],
    ["a missing input", infer, json({ inputs: [] })],
    ["an unknown model", "/v2/models/nobody/infer", json({ inputs: [input] })],
    ["an unknown path", "/nowhere?a=1", {}],
    ["a wrong method", infer, { method: "DELETE" }],
    ["a truncated tensor", infer, binaryRequest(100)],
  ];
}

/** The binary tensor extension: JSON, then the bytes that it announces. */
function binaryRequest(cutTo = 256): RequestInit {
  const tensor = Buffer.from(Float32Array.from(images[5] ?? []).buffer);
  const parameters = { binary_data_size: tensor.length };
  const head = Buffer.from(
    JSON.stringify({
      id: "9",
      inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], parameters }],
      parameters: { binary_data_output: true },
    }),
  );
  return {
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(head.length),
    },
    body: Buffer.concat([head, tensor.subarray(0, cutTo)]),
  };
}

async function answerOf(url: string, request: RequestInit) {
  const answer = await fetch(url, request);
  const headers = Object.fromEntries(answer.headers);
  // Of the connection and of the clock, not of the answer.
  for (const name of ["date", "connection", "keep-alive"]) delete headers[name];
  return { status: answer.status, headers, body: Buffer.from(await answer.arrayBuffer()).toString("base64") };
}
