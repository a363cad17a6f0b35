import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { until } from "../stack/until.ts";
import { images, startWitness } from "../stack/witness.ts";

/** What comes from outside is hostile: whatever it is, everybody lives on, and others are served meanwhile. */
describe("hostile clients of a running stack", () => {
  let stack: Stack;
  let pids: (number | undefined)[];
  const everyPid = () => [
    stack.pidOf("collector"),
    stack.pidOf({ sidecar: "a" }),
    stack.pidOf({ sidecar: "b" }),
  ];

  beforeAll(async () => {
    stack = await startStack();
    await stack.settled();
    pids = everyPid();
    expect(pids).not.toContain(undefined);
  });
  afterAll(() => stack?.close());

  it.each(hostileRequests())(
    "%s is answered as by the model server itself, and no worse",
    async (_name, bytes) => {
      const [direct, tapped] = await Promise.all(
        [stack.models[0]?.url ?? "", stack.service].map((url) => firstLineOf(url, bytes)),
      );
      expect(tapped).toBe(direct);
      await served();
    },
  );

  it("a body past the server's limit is refused in the middle, and harms nobody", async () => {
    const head = `${inferHead}Content-Length: 17000000\r\nConnection: close\r\n\r\n`;
    const bytes = Buffer.concat([Buffer.from(head), Buffer.alloc(17_000_000, "[1],")]);
    // Who closes with bytes unread resets the connection, and its own answer may be lost with it; directly too.
    expect(await firstLineOf(stack.service, bytes)).toMatch(/^$|^HTTP\/1\.1 (413|502) /);
    await served();
  });

  it("ten gigabytes that are announced and never come hold nothing", async () => {
    const before = rssKb();
    const head = `${inferHead}Content-Length: 10737418240\r\n\r\n`;
    const sockets = await Promise.all(
      Array.from({ length: 20 }, () => open(stack.service, head + "x".repeat(100_000))),
    );
    await served();
    expect(rssKb() - before).toBeLessThan(200_000);
    for (const socket of sockets) socket.destroy();
  });

  it("a hundred slow heads and bodies keep nobody else waiting", async () => {
    const heads = [
      "POST /v2/models/digits/infer HTTP/1.1\r\nHost: s",
      `${inferHead}Content-Length: 900\r\n\r\n{`,
    ];
    const sockets = await Promise.all(
      Array.from({ length: 100 }, (_none, i) => open(stack.service, heads[i % 2] ?? "")),
    );
    await served();
    for (const socket of sockets) socket.destroy();
  });

  it.each(wsRefusals())("a stream %s is refused before it opens", async (_name, role, status) => {
    const answered = await upgradeStatus(
      stack,
      role === null ? null : role === "forged" ? role : stack.tokenOf(role),
    );
    expect(answered).toBe(status);
  });

  it.each(hostileFrames())("%s closes that stream alone, with a code", async (_name, frames, code) => {
    const closed = await sendFrames(stack, frames);
    expect(closed).toBe(code);
    expect((await stack.api.ready()).ready).toBe(true);
  });

  it("another boot under a living name is commanded by nobody, and gone it is forgotten", async () => {
    const socket = await openStream(stack);
    socket.send(JSON.stringify(hello("a")));
    const contested = async () =>
      (await stack.api.instances()).some((one) => one.instance === "a" && one.contested);
    await until(contested, { what: "the identity to be contested" });
    await served();
    socket.terminate();
    await until(async () => !(await contested()), { what: "it to be forgotten" });
    await stack.settled();
  });

  it("after all that the same processes run, and are healthy", async () => {
    await stack.settled();
    expect(everyPid()).toEqual(pids);
    const opened = await stack.api.incidents();
    expect(opened.map(({ failure, instance }) => `${failure} ${instance}`)).toEqual([]);
  });

  async function served(): Promise<void> {
    const witness = startWitness({
      url: stack.service,
      references: stack.references.current,
      perSecond: 100,
    });
    await until(() => witness.answers().length >= 20, { what: "twenty answers" });
    await witness.end();
    expect(witness.answers().filter(({ outcome }) => outcome !== "right")).toEqual([]);
  }

  /** Of all processes together; 0 where there is no /proc. */
  function rssKb(): number {
    return pids.reduce<number>((sum, pid) => {
      try {
        return sum + Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
      } catch {
        return sum;
      }
    }, 0);
  }
});

const inferHead = "POST /v2/models/digits/infer HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n";

function hostileRequests(): [string, Buffer][] {
  const request = (body: string | Buffer, ...headers: string[]) =>
    Buffer.concat([
      Buffer.from(
        `${inferHead}${headers.map((line) => `${line}\r\n`).join("")}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n`,
      ),
      Buffer.from(body),
    ]);
  const tensor = (shape: number[], data: unknown) =>
    JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape, data }] });
  const binaryHead = JSON.stringify({
    inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], parameters: { binary_data_size: 256 } }],
  });
  const announce = `Inference-Header-Content-Length: ${binaryHead.length}`;
  return [
    ["a body that is no UTF-8", request(Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]))],
    ["a body of zeros", request(Buffer.alloc(1000))],
    ["JSON a hundred thousand levels deep", request("[".repeat(100_000))],
    ["a shape of 2^53 elements", request(tensor([2 ** 26, 2 ** 27], [1]))],
    ["a shape below zero", request(tensor([-1, 64], images[0]))],
    ["numbers that are words", request(tensor([1, 64], Array(64).fill("x")))],
    [
      "a tensor that is cut short",
      request(Buffer.concat([Buffer.from(binaryHead), Buffer.alloc(40)]), announce),
    ],
    ["a head longer than its body", request(binaryHead, "Inference-Header-Content-Length: 99999")],
    ["a head of negative length", request(binaryHead, "Inference-Header-Content-Length: -1")],
    ["a coding that it is not", request("{}", "Content-Encoding: gzip")],
  ];
}

/** Status line of the answer to raw bytes. */
async function firstLineOf(url: string, bytes: Buffer): Promise<string> {
  const socket = await open(url, bytes);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => socket.once("close", resolve));
  return Buffer.concat(chunks).toString("latin1").split("\r\n", 1)[0] ?? "";
}

async function open(url: string, bytes: string | Buffer): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  // A server that closes on bad bytes is right to do so.
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(bytes);
  return socket;
}

function wsRefusals(): [string, string | null, number][] {
  return [
    ["without a token", null, 401],
    ["with a forged token", "forged", 401],
    ["with a viewer's token", "viewer", 403],
    ["with the administrator's token", "admin", 403],
  ];
}

function streamUrl({ running }: Stack): string {
  return `${running.line.collector.replace(/^http/, "ws")}/v1/stream`;
}

function upgradeStatus(stack: Stack, token: string | null): Promise<number | undefined> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const socket = new WebSocket(streamUrl(stack), { headers });
  return new Promise((resolve) => {
    socket.on("error", () => undefined);
    socket.on("open", () => {
      socket.terminate();
      resolve(101);
    });
    socket.on("unexpected-response", (request, response) => {
      resolve(response.statusCode);
      request.destroy();
    });
  });
}

const hello = (instance: string, more: object = {}) => ({
  kind: "hello",
  version: 1,
  service: "digits",
  instance,
  incarnation: "a-stranger",
  releases: [],
  ...more,
});

type Frames = (string | Buffer | object)[];
function hostileFrames(): [string, Frames, number][] {
  const record = (change: object) => ({
    kind: "record",
    seq: 1,
    event: {
      kind: "divert.start",
      at: "2026-01-01T00:00:00.000Z",
      service: "digits",
      instance: "b",
      actor: "sidecar:b",
      epoch: 0,
      incident: null,
      reason: "",
      facts: {},
      ...change,
    },
  });
  return [
    ["no JSON", ["{ nothing"], 1007],
    ["a binary frame", [Buffer.from([0, 1, 2, 255])], 1003],
    ["a frame of another kind", [{ kind: "obey", instance: "a" }], 1008],
    ["a report before its hello", [{ kind: "report", seq: 1, sentMs: 0, report: {} }], 1008],
    ["a hello of an unknown instance", [hello("nobody")], 1008],
    ["a hello of another service", [hello("b", { service: "others" })], 1008],
    ["a version far away", [hello("b", { version: 99 })], 1008],
    ["five megabytes in one frame", [`"${"x".repeat(5_000_000)}"`], 1009],
    ["a record in another's name", [hello("b"), record({ instance: "a", actor: "sidecar:a" })], 1008],
    ["a record in the collector's name", [hello("b"), record({ actor: "collector" })], 1008],
    [
      "a report of words",
      [hello("b"), { kind: "report", seq: 1, sentMs: 0, report: { role: "king" } }],
      1008,
    ],
  ];
}

async function openStream(stack: Stack): Promise<WebSocket> {
  const headers = { authorization: `Bearer ${stack.tokenOf("sidecar")}` };
  const socket = new WebSocket(streamUrl(stack), { headers });
  socket.on("error", () => undefined);
  await new Promise((resolve) => socket.once("open", resolve));
  return socket;
}

async function sendFrames(stack: Stack, frames: Frames): Promise<number> {
  const socket = await openStream(stack);
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  for (const frame of frames)
    socket.send(typeof frame === "string" || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  return closed;
}
