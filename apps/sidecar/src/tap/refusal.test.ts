import { afterEach, expect, test } from "vitest";
import type { Target } from "./target.ts";
import { closeFleets, good, hang, infer, json, startFleet, statusOf, target } from "./testing/fleet.ts";
import { rawClient, rawRequest } from "./testing/raw-client.ts";

afterEach(closeFleets);

test("no target and fenced are clear refusals", async () => {
  let fenced = false;
  const { tap } = await startFleet([good], { fenced: () => fenced, stamp: () => ({ "locum-epoch": "7" }) });
  expect((await rawRequest(tap.port, infer())).toString()).toContain("locum-epoch: 7");
  tap.choice = { own: undefined, others: [] };
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: no-fit-instance\r\nretry-after: 1\r\nlocum-epoch: 7/,
  );
  fenced = true;
  expect((await rawRequest(tap.port, infer())).toString()).toMatch(
    /^HTTP\/1.1 503 [\s\S]*locum-reason: fenced/,
  );
});

test("what observes and inspects may throw without harm, and the input is looked at after the answer", async () => {
  const seen: string[] = [];
  const boom = () => {
    throw new Error("boom");
  };
  const { tap } = await startFleet([good], {
    observe: boom,
    inspectRequest(route, headers, body) {
      seen.push(`${route.model} ${headers.host} ${body}`);
      boom();
    },
  });
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
  await expect.poll(() => seen).toEqual(['m h {"x":1}']);
  await expect.poll(() => tap.tap.progress()).toMatchObject({ keptBytes: 0, inflight: 0 });
});

test("requests to the own server carry its credentials and never the hop header", async () => {
  const { tap, upstreams } = await startFleet([good]);
  const own = { ...target("a", { url: upstreams[0]?.url ?? "" }), headers: { Authorization: "Bearer t" } };
  tap.choice = { own, others: [] };
  await rawRequest(tap.port, infer().replace("Host: h", "Host: h\r\nauthorization: mine\r\nLocum-Hop: 3"));
  expect(upstreams[0]?.requests[0]?.head).toBe(
    "POST /infer HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\nAuthorization: Bearer t",
  );
});

test("a target that cannot be dialled is refused like a closed port", async () => {
  const { tap } = await startFleet([good, good]);
  const own: Target = { id: "x", url: "ftp://nowhere", hop: "model" };
  tap.choice = { ...tap.choice, own };
  expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
  expect(tap.outcomes()).toEqual(["x:refused!", "b:ok"]);
});

test("drain lets what is in flight finish and takes nothing new", async () => {
  const { tap, upstreams, counts } = await startFleet([hang]);
  const client = rawClient(tap.port, infer());
  await expect.poll(counts).toEqual([1]);
  const drained = tap.tap.drain(60_000);
  expect((await rawClient(tap.port).ended).reset).toBe(true);
  upstreams[0]?.requests[0]?.socket.write(json("200 OK", "{}"));
  expect((await client.ended).bytes.toString()).toMatch(/^HTTP\/1.1 200 OK/);
  await drained;
  await expect.poll(() => upstreams[0]?.openSockets()).toBe(0);
});
