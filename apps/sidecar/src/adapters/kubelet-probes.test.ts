import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { type AddressInfo, createServer as createTcp, type Server as NetServer } from "node:net";
import type { Report } from "@locum/contracts";
import { afterEach, expect, test } from "vitest";
import { answerProbes, ask, readProbes } from "./kubelet-probes.ts";

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const server of open.splice(0)) server.close();
});
async function portOf(server: NetServer | Server): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}
const asked = (one: object) => {
  const probe = readProbes(JSON.stringify({ readiness: { timeoutMs: 2000, ...one } })).readiness;
  if (!probe) throw new Error("no probe");
  return probe;
};
const said = { role: "active", diverted: false, verdict: { kind: "healthy" } } as Report;

test("readiness is the model's word and ours, liveness the model's alone", async () => {
  let status = 200;
  const model = await portOf(createServer((_request, response) => response.writeHead(status).end()));
  const own: RequestListener = (_request, response) => void response.end("own");
  const control = createServer(own);
  let report = said;
  const http = { http: { port: model, path: "/h" }, timeoutMs: 2000 };
  answerProbes(control, readProbes(JSON.stringify({ readiness: http, liveness: http })), () => report);
  const at = `http://127.0.0.1:${await portOf(control)}`;
  const states = async () =>
    Promise.all(["readiness", "liveness"].map(async (kind) => (await fetch(`${at}/probe/${kind}`)).status));
  expect(await states()).toEqual([200, 200]);
  report = { ...said, diverted: true } as Report;
  expect(await states()).toEqual([503, 200]);
  report = said;
  status = 500;
  expect(await states()).toEqual([503, 503]);
  expect(await (await fetch(`${at}/livez`)).text()).toBe("own");
});

test("without probes of a pod the control port stays as it was", async () => {
  const control = createServer((_request, response) => void response.end("own"));
  answerProbes(control, readProbes(undefined), () => said);
  const at = `http://127.0.0.1:${await portOf(control)}`;
  expect(await (await fetch(`${at}/probe/readiness`)).text()).toBe("own");
});

test("a closed port, a silent server, a path that is none", async () => {
  const closed = createTcp();
  const port = await portOf(closed);
  await new Promise((resolve) => closed.close(resolve));
  expect(await ask(asked({ tcp: { port } }))).toContain("ECONNREFUSED");
  expect(await ask(asked({ grpc: { port, service: "" } }))).toContain("ECONNREFUSED");
  const silent = await portOf(createTcp((socket) => void open.push({ close: () => socket.destroy() })));
  expect(await ask(asked({ tcp: { port: silent } }))).toBeNull();
  expect(await ask(asked({ http: { port: silent, path: "/" }, timeoutMs: 100 }))).toContain("within 100 ms");
  expect(await ask(asked({ http: { port: silent, path: "/a b" } }))).not.toBeNull();
});

test("gRPC health by name", async () => {
  const names: string[] = [];
  const server = createHttp2();
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.on("data", (chunk: Buffer) => {
      names.push(chunk.subarray(7).toString());
      stream.respond({ ":status": 200, "content-type": "application/grpc" });
      stream.end(Buffer.from(names.at(-1) === "up" ? "00000000020801" : "00000000020802", "hex"));
    });
  });
  const port = await portOf(server as unknown as NetServer);
  expect(await ask(asked({ grpc: { port, service: "up" } }))).toBeNull();
  expect(await ask(asked({ grpc: { port, service: "down" } }))).toBe("not SERVING");
  expect(names).toEqual(["up", "down"]);
});

test.each(["{", "[]", '{"readiness":{}}', '{"other":1}', '{"readiness":{"timeoutMs":1}}'])(
  "%s are no probes",
  (text) => {
    expect(() => readProbes(text)).toThrow(expect.objectContaining({ code: "config-invalid" }));
  },
);
