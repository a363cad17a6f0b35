import { openWires } from "@locum/serving";
import { createTap } from "../tap.ts";
import { listen } from "./raw-upstream.ts";

// A tap in a process of its own, for measuring: `serve-tap.ts UPSTREAM_URL [GRPC_HOST:PORT]` prints its port and runs
// until its standard input ends. It reads what passes as the sidecar does.
const [url, grpc] = process.argv.slice(2);
if (url === undefined) throw new Error("expected the URL of a model server");
const own = { id: "own", url, hop: "model" as const, ...(grpc === undefined ? {} : { grpc }) };
const choice = { own, others: [] };
const wireOf = openWires();
let events = 0;
const tap = createTap({
  clock: { monotonicMs: () => performance.now() },
  route: () => choice,
  classify(method, path, headers) {
    const found = wireOf({ method, path, headers });
    return found
      ? { kind: "infer", wire: found.wire, model: found.route.model, idempotent: found.route.repeatable }
      : { kind: "other", idempotent: method === "GET" };
  },
  observe: () => {
    events += 1;
  },
});
console.log(JSON.stringify({ port: await listen(tap.server) }));
process.stdin.on("end", () => {
  void tap.drain(0).then(() => process.exit(events > 0 ? 0 : 1));
});
process.stdin.resume();
