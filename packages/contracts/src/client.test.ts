import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createClient } from "./client.ts";
import { Fault } from "./fault.ts";

const answering = (status: number, body: string) =>
  createClient({
    baseUrl: "http://collector.test",
    token: "t",
    fetch: async () => new Response(body, { status }),
  });

test("an error answer comes as the Fault that the collector gave", async () => {
  const fault = new Fault("stale-epoch", "epoch 3 was asked for, 4 is current");
  const client = answering(409, JSON.stringify(fault));
  await expect(client.services()).rejects.toMatchObject({ ...fault.toJSON() });
});

test.each([
  [502, "<html>bad gateway</html>", "collector-unreachable"],
  [200, "<html>hello</html>", "collector-unreachable"],
  [418, JSON.stringify({ code: "teapot", message: "m", hint: "h", retry: "never" }), "internal"],
])("answer %i %s is %s", async (status, body, code) => {
  await expect(answering(status, body).services()).rejects.toMatchObject({ code });
});

test("nobody at the address is collector-unreachable", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const client = createClient({ baseUrl: `http://127.0.0.1:${port}` });
  await expect(client.services()).rejects.toMatchObject({ code: "collector-unreachable" });
});

test("a query leaves out what is not given, and a key is made for each order", async () => {
  const seen: Request[] = [];
  const client = createClient({
    baseUrl: "http://collector.test/",
    fetch: async (input, init) => {
      seen.push(new Request(input, init));
      return Response.json({ records: [] });
    },
  });
  await client.audit({ kind: ["incident.open", "incident.close"], limit: 5 });
  await client.reload({ service: "s", instance: "a" });
  await client.reload({ service: "s", instance: "a" }, { key: "given-key" });
  expect(seen[0]?.url).toBe("http://collector.test/v1/audit?limit=5&kind=incident.open%2Cincident.close");
  expect(seen[1]?.headers.get("idempotency-key")).toMatch(/^[0-9a-f-]{36}$/);
  expect(seen[2]?.headers.get("idempotency-key")).toBe("given-key");
});

test("wait lives through a collector that is away for a moment", async () => {
  const answers = [
    () => Promise.reject(new TypeError("fetch failed")),
    async () => Response.json({ id: "o", state: "running", detail: "", endedAtMs: null }),
    async () => Response.json({ id: "o", state: "done", detail: "", endedAtMs: 1 }),
  ];
  const client = createClient({
    baseUrl: "http://c.test",
    fetch: () => (answers.shift() ?? (() => Promise.reject()))(),
  });
  const states: string[] = [];
  const ended = await client.wait("o", { pollMs: 1, onChange: ({ state }) => states.push(state) });
  expect(ended.state).toBe("done");
  expect(states).toEqual(["running", "done"]);
});
