import { describe, expect, it } from "vitest";
import type { PeerState } from "./peers.ts";
import { type RouteInput, routeOrder } from "./route-order.ts";

const own = { id: "a", url: "http://a", hop: "model" as const };
const peer = (id: string, role: PeerState["role"], fit = true): PeerState => ({
  id,
  role,
  fit,
  models: [],
  target: { id, url: `http://${id}`, hop: "tap" },
});
const base: RouteInput = {
  own,
  role: "active",
  exclusive: false,
  mayServe: true,
  diverted: false,
  proven: true,
  failClosed: false,
  refused: false,
  peers: [peer("c", "standby"), peer("b", "active")],
};
/** The order in which a client's request would be tried, and what a request of a peer's tap gets. */
const order = (change: Partial<RouteInput>): [string, string] => {
  const { own: first, others, ownLast } = routeOrder({ ...base, ...change });
  const mine = first ? [first.id] : [];
  const ids = others.map(({ id }) => id);
  return [(ownLast ? [...ids, ...mine] : [...mine, ...ids]).join(), mine.join()];
};

describe("where a request may go", () => {
  it.each<[string, Partial<RouteInput>, [string, string]]>([
    ["an active serves itself; its peers are there for retries", {}, ["a,b,c", "a"]],
    ["a standby forwards to a fit active, and serves what peers send", { role: "standby" }, ["b,c,a", "a"]],
    [
      "a standby without a fit active serves itself",
      { role: "standby", peers: [peer("c", "standby")] },
      ["a,c", "a"],
    ],
    ["a diverted one is the last resort, for clients alone", { diverted: true }, ["b,c,a", ""]],
    [
      "the last one serves although diverted",
      { diverted: true, peers: [peer("b", "active", false)] },
      ["a", "a"],
    ],
    ["unless wrong is worse than absent", { diverted: true, failClosed: true, peers: [] }, ["", ""]],
    ["failClosed: what is not proven is not served", { proven: false, failClosed: true }, ["b,c", ""]],
    ["wrong everywhere and refused", { refused: true, peers: [] }, ["", ""]],
    ["a fenced one only forwards", { role: "fenced", mayServe: false }, ["b,c", ""]],
    ["fenced peers get nothing", { diverted: true, peers: [peer("b", "fenced")] }, ["a", "a"]],
    [
      "peers without a tap get nothing",
      { diverted: true, peers: [{ ...peer("b", "active"), target: null }] },
      ["a", "a"],
    ],
    ["an exclusive active serves itself alone", { exclusive: true }, ["a", "a"]],
    [
      "an exclusive standby serves nobody and forwards nothing",
      { exclusive: true, mayServe: false },
      ["", ""],
    ],
  ])("%s", (_name, change, expected) => {
    expect(order(change)).toEqual(expected);
  });
});
