import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTally, type Tally } from "@locum/audit";
import { folderSink, readBatch } from "@locum/audit/inference";
import { type AuditEvent, type InferenceRecord, ServiceConfig, sha256Hex } from "@locum/contracts";
import { createRandom, systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SidecarConfig } from "./config.ts";
import { createInferenceRecords, type InferenceRecords } from "./inference-records.ts";
import {
  answerWith,
  bad500,
  closeFleets,
  deadTarget,
  type Fault,
  good,
  json,
  notFinite,
  startFleet,
  unsafe,
} from "./tap/testing/fleet.ts";
import { grpcTarget } from "./tap/testing/grpc-rig.ts";
import { frame, grpcAnswer, grpcCall, h2Ask, h2Connect, startH2 } from "./tap/testing/h2-rig.ts";
import { rawClient, rawRequest } from "./tap/testing/raw-client.ts";
import { startTap } from "./tap/testing/start-tap.ts";

let dir: string;
let tally: Tally;
let roots: Pick<AuditEvent, "kind" | "facts">[];
let records: InferenceRecords;
const release = `sha256:${"2".repeat(64)}`;

const open = (inference: object = {}, sink = folderSink({ dir: join(dir, "sink") })) =>
  createInferenceRecords({
    config: {
      service: ServiceConfig.parse({
        apiVersion: "locum.dev/v1alpha1",
        service: "s",
        posture: "tap",
        instances: [{ id: "a", url: "http://127.0.0.1:1" }],
        inference: { records: "file", dir: "sink", ...inference },
      }),
      instance: { id: "a" },
    } as unknown as SidecarConfig,
    sink,
    dir: join(dir, "state"),
    now: () => ({ releaseOf: (model) => (model === "m" ? release : null), policy: null }),
    record: async (fact) => roots.push(fact) > 0,
    tally,
    clock: systemClock,
    random: createRandom(7),
    log: () => undefined,
    everyMs: 5,
  });

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-inference-"));
  tally = createTally();
  roots = [];
  records = open();
});
afterEach(async () => {
  await closeFleets();
  await rm(dir, { recursive: true, force: true });
});

/** Everything that is in the sink, after the last batch is closed. */
async function written(): Promise<InferenceRecord[]> {
  await records.close();
  const names = await readdir(join(dir, "sink"), { recursive: true }).catch(() => []);
  const found: InferenceRecord[] = [];
  for (const name of names.filter((one) => one.endsWith(".ndjson"))) {
    const read = await readBatch(await readFile(join(dir, "sink", name), "utf8"));
    expect(roots.map(({ facts }) => facts.root)).toContain(read.batch?.root);
    found.push(...read.records);
  }
  return found;
}
const ask = (body = '{"x":1}', more = "") =>
  `POST /infer HTTP/1.1\r\nHost: h\r\nConnection: close\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
const idOf = (answer: Buffer) => /^x-request-id: (.*)\r$/im.exec(answer.toString("latin1"))?.[1];
const sha = (text: string) => `sha256:${sha256Hex(text)}`;

test("a request that passes: its hashes, its release, who answered, and nothing of its content", async () => {
  const { tap, upstreams } = await startFleet([good], { trace: records.trace });
  const answer = await rawRequest(tap.port, ask('{"secret":1}', "X-Request-Id: order-4711.a\r\n"));
  expect(idOf(answer)).toBe("order-4711.a");
  expect(upstreams[0]?.requests[0]?.head).toContain("X-Request-Id: order-4711.a\r\n");
  const [record, ...more] = await written();
  expect(more).toEqual([]);
  expect(record).toMatchObject({
    id: "order-4711.a",
    service: "s",
    instance: "a",
    answeredBy: "a",
    model: "m",
    release,
    inputHash: sha('{"secret":1}'),
    outputHash: sha('{"y":1}'),
    decision: "passed",
    status: 200,
    whole: true,
  });
  expect(JSON.stringify(record)).not.toContain("secret");
  expect(roots).toMatchObject([{ kind: "inference.root", facts: { count: 1, firstAt: record?.at } }]);
});

test.each([
  ["none", ""],
  ["one that is too short", "X-Request-Id: short\r\n"],
  ["a hostile one", "X-Request-Id: ../../etc/passwd-and-more\r\n"],
  ["two", "X-Request-Id: first-of-two\r\nX-Request-Id: second-of-two\r\n"],
])("a client with %s gets an id of ours, which goes to the server too", async (_, header) => {
  const { tap, upstreams } = await startFleet([good], { trace: records.trace });
  const id = idOf(await rawRequest(tap.port, ask("{}", header)));
  expect(id).toMatch(/^[0-9a-f]{12}-[0-9a-f]{32}$/);
  const sent = upstreams[0]?.requests[0]?.head.match(/x-request-id: .*/gi);
  expect(sent).toEqual([`x-request-id: ${id}`]);
  expect(await written()).toMatchObject([{ id }]);
});

test("another id that the server answers with does not reach the client", async () => {
  const own = answerWith("HTTP/1.1 200 OK\r\nX-Request-Id: of-the-server\r\nContent-Length: 2\r\n\r\n{}");
  const { tap } = await startFleet([own], { trace: records.trace });
  const answer = await rawRequest(tap.port, ask());
  expect(answer.toString().match(/x-request-id/gi)).toHaveLength(1);
  expect(idOf(answer)).toBe((await written())[0]?.id);
});

test.each<{ name: string; faults: Fault[]; expected: object }>([
  {
    name: "retried",
    faults: [bad500, good],
    expected: { answeredBy: "b", status: 200, outputHash: sha('{"y":1}') },
  },
  {
    name: "wrong",
    faults: [notFinite],
    expected: { answeredBy: "a", status: 200, outputHash: sha('{"y":NaN}') },
  },
  { name: "passed", faults: [bad500], expected: { answeredBy: "a", status: 500 } },
])("what became of it: $name", async ({ name, faults, expected }) => {
  const { tap } = await startFleet(faults, { trace: records.trace });
  const id = idOf(await rawRequest(tap.port, ask()));
  expect(await written()).toMatchObject([{ id, decision: name, inputHash: sha('{"x":1}'), ...expected }]);
});

test("what became of it: refused, with the id in the refusal", async () => {
  const tap = await startTap({ own: await deadTarget("a"), others: [] }, { trace: records.trace });
  const id = idOf(await rawRequest(tap.port, ask()));
  await tap.close();
  expect(await written()).toMatchObject([
    { id, decision: "refused", answeredBy: null, outputHash: null, status: 502 },
  ]);
});

test("what became of it: diverted, and unanswered where the client left first", async () => {
  const { tap, upstreams } = await startFleet([good, good], { trace: records.trace });
  tap.choice.own = undefined;
  await rawRequest(tap.port, ask());
  const silent = await startFleet([() => {}], { trace: records.trace });
  const client = rawClient(silent.tap.port, ask());
  await expect.poll(() => silent.upstreams[0]?.requests.length).toBe(1);
  client.socket.destroy();
  await expect.poll(() => silent.tap.tap.inflight()).toBe(0);
  expect(upstreams[1]?.requests).toHaveLength(1);
  const found = await written();
  expect(found.map(({ decision, answeredBy }) => [decision, answeredBy])).toEqual([
    ["diverted", "b"],
    ["unanswered", null],
  ]);
});

test("a long answer is hashed as it passes, in pieces; what is no inference has no record", async () => {
  const long = "y".repeat(3_000_000);
  const { tap } = await startFleet([answerWith(json("200 OK", long))], { trace: records.trace });
  const answer = await rawRequest(tap.port, ask("x".repeat(200_000)));
  expect(answer.length).toBeGreaterThan(long.length);
  const other = await startFleet([good], { trace: records.trace });
  expect(idOf(await rawRequest(other.tap.port, unsafe()))).toBeUndefined();
  expect(await written()).toMatchObject([
    { inputHash: sha("x".repeat(200_000)), outputHash: sha(long), whole: true },
  ]);
});

test("what is sampled out, and what its sink has no room for, is counted exactly", async () => {
  await records.close();
  records = open({ sample: 0 });
  const { tap } = await startFleet([good], { trace: records.trace });
  for (let count = 0; count < 3; count += 1) expect(idOf(await rawRequest(tap.port, ask()))).toBeUndefined();
  await records.close();
  const stamp = { at: "2026-01-01T00:00:00.000Z", actor: "sidecar:a" };
  expect(tally.untold(stamp).events).toMatchObject([
    { service: "s", instance: "a", facts: { counted: "inference.record", count: 3, why: "sampled" } },
  ]);
});

test("a call of gRPC has its record too, over its messages; one that nobody answers has its id in the refusal", async () => {
  const server = await startH2((stream) => grpcAnswer(stream, { message: "answer" }));
  const tap = await startTap({ own: grpcTarget("a", server), others: [] }, { trace: records.trace });
  const session = h2Connect(tap.port);
  const said = await h2Ask(session, { ...grpcCall(), "x-request-id": "call-0815" }, frame("question"));
  expect(said).toMatchObject({ headers: { "x-request-id": "call-0815" }, trailers: { "grpc-status": "0" } });
  tap.choice = { own: undefined, others: [] };
  const refused = await h2Ask(session, grpcCall(), frame("question"));
  session.destroy();
  await tap.close();
  await server.close();
  const [first, second] = await written();
  expect(first).toMatchObject({
    id: "call-0815",
    decision: "passed",
    status: 200,
    inputHash: sha(frame("question").toString("latin1")),
    outputHash: sha(frame("answer").toString("latin1")),
  });
  expect(refused.headers?.["x-request-id"]).toBe(second?.id);
  expect(second).toMatchObject({ decision: "refused", answeredBy: null });
});
