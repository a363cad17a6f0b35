import type { Tensor } from "@locum/contracts";
import { matchGolden } from "@locum/coordination";
import { detect, type ModelServer } from "@locum/serving";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { codeOf } from "./code-of.ts";
import { hostileCases } from "./hostile-cases.ts";

/** A running model server and what the suite may do with it. */
export type Subject = {
  server: ModelServer;
  model: string;
  /** What the server calls itself. */
  serverName: string;
  /** Answered well, always alike, with finite numbers. */
  goodRequest: Record<string, unknown>;
  /** Refused by the server; absent for servers that answer anything. */
  wrongRequest?: unknown;
  /** Makes the model itself compute NaN; where faults can be ordered, one of them does it. */
  nanRequest?: Record<string, unknown>;
  /** Asks for the outputs as raw tensors, where the server has the extension. */
  binaryRequest?: Record<string, unknown>;
  /** How far numbers differ that are said alike, where they differ at all; 0 if absent. */
  noise?: number;
  /** False for servers that read their files at their start only. */
  reloads?: boolean;
  /** A load that fails leaves the model from before in place. */
  keepsOld?: boolean;
  /** Another connection to the same server. */
  reconnect(options: { headers?: Record<string, string>; answerBytesMax?: number }): ModelServer;
  /** Puts a fault in force for inferences only: health goes on answering 200. */
  order?(fault: "none" | "hang" | "nan" | "error" | "drop"): Promise<void>;
  /** Replaces the model's files while it is served; "wrong" loads and answers otherwise, "garbage" does not load. */
  swapFiles?(to: "good" | "wrong" | "garbage"): Promise<void>;
  close(): Promise<void>;
};

const patient = { timeoutMs: 20_000 };
const brief = { timeoutMs: 150 };
/** What a sidecar gives a reload: a worker in Python takes seconds to start where the machine is busy. */
const loading = { timeoutMs: 120_000 };

/**
 * What every adapter of the model server port must do, against a server that really runs, and against programs that
 * are no model server at all where `connect`, which makes the adapter for any URL, is given.
 */
export function servingConformance(
  name: string,
  {
    open,
    connect,
    request = { inputs: [{ name: "x", datatype: "FP32", shape: [1], data: [1] }] },
  }: {
    open(): Promise<Subject>;
    connect?(url: string, answerBytesMax: number): ModelServer;
    /** A well-formed request of the protocol, for programs that are no model server. */
    request?: Record<string, unknown>;
  },
): void {
  describe(`serving: ${name}`, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await open();
    }, 600_000);
    afterAll(() => subject?.close());

    healthCases(() => subject);
    inferCases(() => subject);
    faultCases(() => subject);
    reloadCases(() => subject);
  });
  if (!connect) return;
  describe(`serving: ${name} against what is no model server`, () => hostileCases(connect, request));
}

function healthCases(subject: () => Subject): void {
  test("a server is detected from its URL, however it is written", async () => {
    const { server, model, serverName } = subject();
    for (const url of [server.url, `${server.url}/`, `${server.url}/v2/`]) {
      const found = await detect(url, patient);
      expect(found).toMatchObject({ url: server.url, modelsKnown: true });
      // One port may speak several: the richest is taken, the others are told.
      expect([found.protocol, ...found.also]).toContain(server.protocol);
      expect(found.server?.name).toBe(serverName);
      expect(found.models).toContainEqual(expect.objectContaining({ name: model, state: "READY" }));
      expect(found.evidence.length).toBeGreaterThan(2);
    }
  });

  test("a server that serves is live and ready, and so is its model", async () => {
    const { server, model } = subject();
    const outcomes = await Promise.all([
      server.live(patient),
      server.ready(undefined, patient),
      server.ready(model, patient),
    ]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ ok: true, detail: "ok" });
    for (const { latencyMs } of outcomes) expect(latencyMs).toBeGreaterThan(0);
  });

  test("a model that is not there is not ready, and its metadata is a fault", async () => {
    const { server } = subject();
    expect(await server.ready("no-such-model", patient)).toMatchObject({ ok: false, detail: "status" });
    expect(await codeOf(server.metadata("no-such-model", patient))).toBe("model-unknown");
  });

  test("the model is listed as ready, and described with the tensors that it takes", async () => {
    const { server, model, goodRequest } = subject();
    expect(await server.models(patient)).toContainEqual(
      expect.objectContaining({ name: model, state: "READY" }),
    );
    const metadata = await server.metadata(model, patient);
    expect(metadata.name).toBe(model);
    const { inputs: given = [] } = goodRequest as { inputs?: { name: string }[] };
    if (metadata.inputs.length > 0)
      expect(metadata.inputs.map(({ name }) => name)).toEqual(given.map(({ name }) => name));
    expect(await server.metadata(model, patient)).toEqual(metadata);
  });
}

function inferCases(subject: () => Subject): void {
  test("an answer has finite numbers that fill their shapes, the same each time", async () => {
    const { server, model, goodRequest } = subject();
    const first = await server.infer(model, goodRequest, patient);
    expect(first.outputs.length).toBeGreaterThan(0);
    for (const { datatype, shape, data } of first.outputs) {
      expect(data.length).toBe(shape.reduce((product, size) => product * size, 1));
      if (datatype === "BYTES") continue;
      for (const value of Array.from(data)) expect(value).toSatisfy(Number.isFinite);
    }
    const second = await server.infer(model, goodRequest, patient);
    expect(difference(second.outputs, first.outputs, subject())).toBe("");
    expect(first.cached).not.toBe(true);
  });

  test("raw tensors say the same as JSON", async ({ skip }) => {
    const { server, model, goodRequest, binaryRequest } = subject();
    if (!binaryRequest) return skip("the server has no binary tensor extension");
    const [json, binary] = await Promise.all([
      server.infer(model, goodRequest, patient),
      server.infer(model, binaryRequest, patient),
    ]);
    expect(binary.outputs.some(({ data }) => ArrayBuffer.isView(data))).toBe(true);
    expect(plain(binary.outputs)).toEqual(plain(json.outputs));
  });

  test("a compressed answer says the same", async () => {
    const { server, model, goodRequest, reconnect } = subject();
    const zipped = reconnect({ headers: { "Accept-Encoding": "gzip" } });
    const [a, b] = await Promise.all([zipped, server].map((one) => one.infer(model, goodRequest, patient)));
    zipped.close();
    expect(difference(a?.outputs ?? [], b?.outputs ?? [], subject())).toBe("");
  });

  test("many at once are all answered", async () => {
    const { server, model, goodRequest } = subject();
    const [first, ...others] = await Promise.all(
      Array.from({ length: 24 }, () => server.infer(model, goodRequest, patient)),
    );
    for (const other of others) expect(difference(other.outputs, first?.outputs ?? [], subject())).toBe("");
  });

  test("a model that is not there, a request that does not fit, and no request at all", async () => {
    const { server, model, goodRequest, wrongRequest } = subject();
    expect(await codeOf(server.infer("no-such-model", goodRequest, patient))).toBe("model-unknown");
    expect(await codeOf(server.infer(model, "no request", patient))).toBe("request-invalid");
    if (wrongRequest)
      expect(await codeOf(server.infer(model, wrongRequest, patient))).toBe("upstream-refused");
  });

  test("an answer over the limit is a fault", async () => {
    const { model, goodRequest, reconnect } = subject();
    const narrow = reconnect({ answerBytesMax: 16 });
    expect(await codeOf(narrow.infer(model, goodRequest, patient))).toBe("upstream-protocol");
    narrow.close();
  });

  test("a call that its caller aborts ends", async () => {
    const { server, model, goodRequest } = subject();
    const gone = { timeoutMs: 20_000, signal: AbortSignal.abort() };
    expect(await codeOf(server.infer(model, goodRequest, gone))).toBe("upstream-timeout");
    expect(await server.live(gone)).toMatchObject({ ok: false, detail: "timeout" });
  });

  test("the server's own count, where there is one, grows with answers", async () => {
    const { server, model, goodRequest } = subject();
    const before = await server.progress(patient);
    if (before === undefined) return;
    await server.infer(model, goodRequest, patient);
    await expect.poll(() => server.progress(patient)).toBeGreaterThan(before);
  });
}

function faultCases(subject: () => Subject): void {
  const cases = [
    { fault: "hang", code: "upstream-timeout", within: brief },
    { fault: "error", code: "upstream-refused", within: patient },
    { fault: "drop", code: "upstream-unreachable", within: patient },
  ] as const;
  test.for(cases)("$fault is $code, while health says 200", async ({ fault, code, within }, { skip }) => {
    const { server, model, goodRequest, order } = subject();
    if (!order) return skip("no faults can be ordered here");
    await order(fault);
    try {
      expect(await codeOf(server.infer(model, goodRequest, within))).toBe(code);
      expect(await server.ready(model, patient)).toMatchObject({ ok: true });
    } finally {
      await order("none");
    }
    expect((await server.infer(model, goodRequest, patient)).outputs.length).toBeGreaterThan(0);
  });

  test("NaN in an answer arrives as NaN", async ({ skip }) => {
    const { server, model, goodRequest, binaryRequest, nanRequest, order } = subject();
    if (!order && !nanRequest) return skip("nothing makes this model answer NaN");
    const request = nanRequest ?? goodRequest;
    await order?.("nan");
    try {
      for (const more of binaryRequest ? [{}, { parameters: binaryRequest.parameters }] : [{}]) {
        const { outputs } = await server.infer(model, { ...request, ...more }, patient);
        expect(outputs.flatMap(({ data }) => Array.from(data)).some((value) => Number.isNaN(value))).toBe(
          true,
        );
      }
    } finally {
      await order?.("none");
    }
  });
}

function reloadCases(subject: () => Subject): void {
  test("a reload with nothing changed gives a model that answers as before, or says that there is none", async () => {
    const { server, model, goodRequest, reloads = true } = subject();
    const before = await server.infer(model, goodRequest, patient);
    const reloaded = { reloaded: reloads, outcome: reloads ? "loaded" : "unsupported" };
    expect(await server.reload(model, loading)).toMatchObject(reloaded);
    const after = await server.infer(model, goodRequest, patient);
    expect(difference(after.outputs, before.outputs, subject())).toBe("");
  }, 150_000);

  test("changed files answer after a reload, garbage does not load, and the good files come back", async ({
    skip,
  }) => {
    const { server, model, goodRequest, swapFiles, reloads = true } = subject();
    if (!swapFiles) return skip("the files cannot be swapped here");
    if (!reloads) return skip("files are read at the start only");
    const good = (await server.infer(model, goodRequest, patient)).outputs;
    const fromGood = async () =>
      difference((await server.infer(model, goodRequest, patient)).outputs, good, subject());
    await swapFiles("wrong");
    expect(await fromGood()).toBe("");
    expect(await server.reload(model, loading)).toMatchObject({ reloaded: true });
    expect(await fromGood()).not.toBe("");
    await swapFiles("garbage");
    expect(await server.reload(model, loading)).toMatchObject({ reloaded: false, outcome: "load-failed" });
    if (subject().keepsOld) {
      expect(await server.ready(model, patient)).toMatchObject({ ok: true });
      expect(await fromGood()).not.toBe("");
    }
    await swapFiles("good");
    expect(await server.reload(model, loading)).toMatchObject({ reloaded: true });
    expect(await fromGood()).toBe("");
  }, 400_000);

  test("a model that is not in the repository does not load", async () => {
    const { server } = subject();
    expect(await server.reload("no-such-model", loading)).toMatchObject({ reloaded: false });
  });
}

/** What outputs say otherwise: names, forms, any element, numbers as closely as the server repeats them. */
function difference(got: Tensor[], wanted: Tensor[], { noise = 0 }: Subject): string {
  const expected = wanted.map(({ data, ...form }) => ({
    ...form,
    data: Array.from(data),
    // JSON rounds binary32 by a digit at most.
    tolerance: { abs: noise, rel: noise > 0 ? 0 : 2 ** -23 },
  }));
  return got.length === wanted.length ? matchGolden(got, expected).detail : `${got.length} outputs`;
}

/** Outputs without the kind of list that carries them; JSON rounds binary32 by a digit at most. */
function plain(outputs: Tensor[]): unknown {
  return outputs.map(({ name, datatype, shape, data }) => ({
    name,
    datatype,
    shape,
    data: Array.from(data, (value) => (datatype === "FP32" ? Math.fround(Number(value)) : value)),
  }));
}
