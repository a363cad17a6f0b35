import { afterEach, expect, test } from "vitest";
import type { Drive } from "./drive.ts";
import { type GateOptions, gateDeps } from "./gate.ts";
import { rawClient } from "./tap/testing/raw-client.ts";
import { type RawUpstream, startRawUpstream } from "./tap/testing/raw-upstream.ts";
import { startTap } from "./tap/testing/start-tap.ts";

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const part of open.splice(0).reverse()) await part.close();
});

function gate(inspected: string[] = [], instance: object = {}) {
  const told: unknown[] = [];
  const drive = {
    put: (input: unknown) => told.push(input),
    mayServe: () => true,
    state: () => ({ modelDiverts: {} }),
  } as unknown as Drive;
  const options = {
    config: {
      instance: { id: "a", ...instance },
      service: { class: "stateless", failover: { failClosed: false }, input: { bytesMax: 1_000 } },
    },
    drive,
    isStateful: (model: string) => model === "sequences",
    inspectRequest: (model: string) => inspected.push(model),
    isListed: () => false,
    observers: [],
    suspectProcess() {},
    clock: { monotonicMs: () => performance.now() },
  } as unknown as GateOptions;
  return { deps: gateDeps(options), told };
}

test.each<[method: string, path: string, route: object]>([
  ["POST", "/v2/models/m/infer", { kind: "infer", model: "m", idempotent: true }],
  ["POST", "/v2/models/sequences/infer", { kind: "infer", model: "sequences", idempotent: false }],
  ["POST", "/v1/chat/completions", { kind: "infer", model: undefined, idempotent: "body" }],
  ["POST", "/v2/repository/models/m/load", { kind: "other", idempotent: false }],
  ["GET", "/v2/models/m", { kind: "other", idempotent: true }],
])("%s %s", (method, path, route) => {
  expect(gate().deps.classify?.(method, path, {})).toMatchObject(route);
});

test("the paths of a server of no known protocol come from its configuration", () => {
  const httpJson = { live: "/", infer: "/score", models: ["m"], outputs: { y: "$" }, idempotent: true };
  const { deps } = gate([], { httpJson });
  expect(deps.classify?.("POST", "/score", {})).toMatchObject({ kind: "infer", idempotent: true });
  expect(gate().deps.classify?.("POST", "/score", {})).toMatchObject({ kind: "other" });
});

test("only tensors are looked at by the rules for inputs", () => {
  const inspected: string[] = [];
  const { deps } = gate(inspected);
  for (const path of ["/v2/models/m/infer", "/v1/chat/completions"]) {
    const route = deps.classify?.("POST", path, {});
    if (route?.kind === "infer") deps.inspectRequest?.(route, {}, Buffer.from("{}"));
  }
  expect(inspected).toEqual(["m"]);
});

test("a chat that is cut ends with the protocol's own error, and is a finding", async () => {
  const event = `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: "Once" } }] })}\n\n`;
  const upstream: RawUpstream = await startRawUpstream(({ socket }) => {
    socket.write(
      `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n${event.length.toString(16)}\r\n${event}\r\n`,
    );
  });
  const { deps, told } = gate();
  const { route: _route, ...rest } = deps;
  const tap = await startTap({ own: { id: "a", url: upstream.url, hop: "model" }, others: [] }, rest);
  open.push(upstream, tap);
  const body = JSON.stringify({ model: "big", stream: true, messages: [{ role: "user", content: "hello" }] });
  const client = rawClient(
    tap.port,
    `POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  await expect.poll(() => client.received().toString()).toContain("Once");
  await expect.poll(() => tap.tap.progress()).toMatchObject({ streaming: 1, ownWork: 1 });
  upstream.requests[0]?.socket.destroy();
  const { bytes } = await client.ended;
  expect(bytes.toString()).toMatch(/data: \{"error":.*\}\n\n\r\n$/);
  expect(told).toMatchObject([
    {
      kind: "finding",
      finding: { probe: { kind: "output", finding: "truncated", model: "big", contested: false } },
    },
  ]);
});
