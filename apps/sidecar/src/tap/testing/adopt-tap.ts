import type { Server } from "node:net";
import { createTap } from "../tap.ts";

// The successor in a hand-over: takes the listener that its parent sends and serves it, until it is disconnected.
const [url] = process.argv.slice(2);
const own = { id: "a", url: url ?? "", hop: "model" as const };
const tap = createTap({
  clock: { monotonicMs: () => performance.now() },
  route: () => ({ own, others: [] }),
  stamp: () => ({ "x-served-by": "successor" }),
});
process.on("message", (_word, listener) => {
  tap.adopt(listener as Server);
  process.send?.("serving");
});
process.on("disconnect", () => process.exit(0));
