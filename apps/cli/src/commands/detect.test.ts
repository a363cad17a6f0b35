import { createServer } from "node:net";
import { expect, test } from "vitest";
import { doubling, startFakeServer } from "../testing/fake-model-server.ts";
import { openDesk } from "../testing/run-cli.ts";

test("says in one line what a server is", async () => {
  await using server = await startFakeServer({ m: doubling });
  await using desk = await openDesk();
  const { code, stdout, json } = await desk.run("detect", `${server.url}/v1`, "--json");
  expect(code).toBe(0);
  expect(stdout.trimEnd().split("\n")).toHaveLength(1);
  expect(json).toEqual([
    expect.objectContaining({
      protocol: "oip-v2-rest",
      also: [],
      url: server.url,
      server: { name: "fake", version: "1", extensions: [] },
      models: [{ name: "m", state: "READY" }],
      evidence: expect.arrayContaining([expect.stringContaining("GET /v2: 200")]),
      metadata: [expect.objectContaining({ name: "m", inputs: doubling.inputs })],
      silent: [],
    }),
  ]);
});

test("tells people the same, and names a model of a server without a list", async () => {
  await using server = await startFakeServer({ m: doubling }, { keepsList: false });
  await using desk = await openDesk();
  expect((await desk.run("detect", server.url)).stdout).toContain("the server keeps no list");
  const { stdout } = await desk.run("detect", server.url, "--model", "m");
  expect(stdout).toContain("speaks oip-v2-rest");
  expect(stdout).toMatch(/^m +UNKNOWN +x/m);
});

test("a port that takes connections and says nothing is nobody", async () => {
  const silent = createServer((socket) => void socket.on("error", () => undefined)).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const address = silent.address();
  const url = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
  await using desk = await openDesk();
  const { code, stderr } = await desk.run("detect", url, "--timeout-ms", "200");
  expect(code).toBe(2);
  expect(stderr).toContain("nothing answers");
  expect(stderr).toContain("timeout");
  silent.close();
});

test.for([
  ["--upstream-grpc", "8001"],
  ["--upstream-grpc", "http://127.0.0.1:8001"],
  ["--management", "127.0.0.1:8081"],
])("%s %s is not what it expects", async ([flag = "", value = ""]) => {
  await using desk = await openDesk();
  expect(await desk.run("detect", "http://127.0.0.1:1", flag, value)).toMatchObject({
    code: 64,
    stderr: expect.stringContaining(flag),
  });
});
