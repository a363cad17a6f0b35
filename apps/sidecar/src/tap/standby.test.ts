import { afterEach, describe, expect, it } from "vitest";
import { hopHeader } from "./hop-headers.ts";
import {
  bad500,
  closeFleets,
  type Fault,
  good,
  infer,
  notFinite,
  resetAtOnce,
  startFleet,
  statusOf,
} from "./testing/fleet.ts";
import { rawRequest } from "./testing/raw-client.ts";

afterEach(closeFleets);

const fromPeer = infer().replace("\r\n\r\n", `\r\n${hopHeader}: 1\r\n\r\n`);
const standby = async (faults: Fault[]) => {
  const fleet = await startFleet(faults);
  fleet.tap.choice = { ...fleet.tap.choice, ownLast: true };
  return fleet;
};

describe("a standby's own server comes last", () => {
  it("a client's request goes to the peer", async () => {
    const { tap, counts } = await standby([good, good]);
    expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
    expect(counts()).toEqual([0, 1]);
  });

  it("what a peer's tap sent is served here", async () => {
    const { tap, counts } = await standby([good, good]);
    expect(statusOf(await rawRequest(tap.port, fromPeer))).toBe("200");
    expect(counts()).toEqual([1, 0]);
  });

  it("a peer that fails is stood in for by the own server", async () => {
    const { tap, counts } = await standby([good, resetAtOnce]);
    expect(statusOf(await rawRequest(tap.port, infer()))).toBe("200");
    expect(counts()).toEqual([1, 1]);
  });
});

describe("a finding is contested where another instance answered the same request well", () => {
  const contested = (events: { kind: string }[]) => events.filter(({ kind }) => kind === "contested");

  it.each<[string, Fault, string]>([
    ["a 5xx", bad500, "status5xx"],
    ["an answer that is not finite", notFinite, "not-finite"],
    ["a reset", resetAtOnce, "reset"],
  ])("%s", async (_name, fault, outcome) => {
    const { tap } = await startFleet([fault, good]);
    await rawRequest(tap.port, infer());
    expect(contested(tap.events)).toMatchObject([{ target: "a", own: true, outcome }]);
  });

  it("not where the other fails too, nor where nothing failed", async () => {
    for (const faults of [
      [bad500, bad500],
      [good, good],
    ]) {
      const { tap } = await startFleet(faults);
      await rawRequest(tap.port, infer());
      expect(contested(tap.events)).toEqual([]);
    }
  });
});

describe("what shows that the model works", () => {
  it("an answered inference counts, an answered health check does not", async () => {
    const { tap } = await startFleet([good]);
    await rawRequest(tap.port, "GET /v2/health/live HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    expect(tap.tap.progress()).toMatchObject({ ownAnswers: 1, ownWork: 0 });
    await rawRequest(tap.port, infer());
    expect(tap.tap.progress().ownWork).toBeGreaterThan(0);
  });
});
