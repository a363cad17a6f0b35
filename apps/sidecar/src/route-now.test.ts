import type { ServiceConfig, Verdict } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import type { SidecarConfig } from "./config.ts";
import type { Drive } from "./drive.ts";
import type { PeerState } from "./peers.ts";
import { routeNow } from "./route-now.ts";
import type { Wanted } from "./tap/tap-deps.ts";

const own = { id: "a", url: "http://a", hop: "model" as const };
const b: PeerState = {
  id: "b",
  role: "standby",
  fit: true,
  models: [],
  target: { id: "b", url: "http://b", hop: "tap" },
};
const verdict = (failed: boolean): Verdict =>
  failed
    ? { kind: "failed", failure: "wrong-output", hard: true, evidence: [] }
    : { kind: "healthy", evidence: [] };

/** Where a request goes on a server with the models x (right) and y (wrong). */
function targets(
  wanted: Wanted | undefined,
  {
    peers = [b],
    failClosed = false,
    shadow = false,
  }: { peers?: PeerState[]; failClosed?: boolean; shadow?: boolean } = {},
): string[] {
  const state = {
    holder: { role: "active", class: "stateless" },
    divert: { diverted: false, why: "" },
    modelDiverts: { x: { diverted: false, why: "" }, y: { diverted: true, why: "" } },
    linked: true,
    policy: null,
    health: {
      verdict: verdict(false),
      goldens: { current: null },
      models: {
        x: { verdict: verdict(false), goldens: { current: null } },
        y: { verdict: verdict(true), goldens: { current: null } },
      },
    },
  };
  const fitness = { goldens: "failed", models: { x: { goldens: "proven" }, y: { goldens: "failed" } } };
  const { own: first, others } = routeNow(
    {
      config: {
        instance: { shadow },
        service: { failover: { failClosed } } as ServiceConfig,
      } as SidecarConfig,
      drive: { state: () => state, fitness: () => fitness, mayServe: () => true } as unknown as Drive,
      upstream: { target: () => own } as Parameters<typeof routeNow>[0]["upstream"],
      peers: { states: () => peers } as unknown as Parameters<typeof routeNow>[0]["peers"],
      clock: { monotonicMs: () => 0 },
    },
    wanted,
  );
  return [first, ...others].flatMap((target) => target?.id ?? []);
}
const infer = (model?: string): Wanted => ({ infer: true, model });
const onlyX = { ...b, fit: false, models: ["x"] };
const onlyY = { ...b, fit: false, models: ["y"] };

describe("where a request of one model of several goes", () => {
  it.each<[string, Wanted | undefined, Parameters<typeof targets>[1], string[]]>([
    ["the right one stays", infer("x"), {}, ["a", "b"]],
    ["the wrong one leaves, and comes back last", infer("y"), {}, ["b", "a"]],
    ["a peer that is fit for it alone will do", infer("y"), { peers: [onlyY] }, ["b", "a"]],
    ["a peer that is fit for another one will not", infer("y"), { peers: [onlyX] }, ["a"]],
    ["nobody else is fit for all", infer("x"), { peers: [onlyY] }, ["a"]],
    ["a version of it is its own", infer("y@3"), {}, ["b", "a"]],
    ["one that no golden asks is the server's", infer("z"), { failClosed: true }, ["a", "b"]],
    ["fail closed: the right one stays", infer("x"), { failClosed: true, peers: [] }, ["a"]],
    ["fail closed: the wrong one is refused", infer("y"), { failClosed: true, peers: [] }, []],
    ["fail closed: it may be the wrong one", infer(), { failClosed: true, peers: [] }, []],
    ["no inference", { infer: false, model: undefined }, { failClosed: true, peers: [] }, ["a"]],
    ["the model is not known", infer(), {}, ["a", "b"]],
    ["a tunnel", undefined, {}, ["a", "b"]],
    ["a shadow only forwards", infer("x"), { shadow: true }, ["b"]],
    ["a shadow with nobody to forward to", infer("x"), { shadow: true, peers: [] }, []],
  ])("%s", (_name, wanted, options, expected) => {
    expect(targets(wanted, options)).toEqual(expected);
  });
});
