import { existsSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { elasticsearchFlags } from "../audit/elasticsearch-flags.ts";
import { defineCommand } from "../command.ts";
import { copyTarget } from "../demo/demo-copy.ts";
import { demoFaults } from "../demo/demo-faults.ts";
import { runDemo } from "../demo/run-demo.ts";

export const demo = defineCommand({
  usage: "demo",
  about:
    "Starts two real model servers, their sidecars, a collector and an independent client on this machine, breaks them in ways that no health check sees, and shows what Locum does. Needs no root and no network, and leaves nothing behind but its signed evidence.",
  examples: [
    ["locum demo", "every fault, in under two minutes"],
    ["locum demo --only nan --only deploy", "some of them"],
    ["locum demo --compare haproxy", "the same faults behind a real HAProxy, side by side"],
    ["locum demo --elasticsearch URL", "with a copy of its audit log there, for Kibana"],
    ["locum demo --keep", "leave it running afterwards, and look at the collector's own pages"],
  ],
  flags: {
    only: { kind: "list", about: `one fault: ${demoFaults.map(({ name }) => name).join(", ")}` },
    compare: { kind: "text", about: "haproxy: play the faults behind it too, where it is installed" },
    ...elasticsearchFlags,
    elasticsearch: { kind: "text", about: "URL where the audit log is copied to as it grows" },
    keep: { kind: "switch", about: "leave all running after the last fault, until Ctrl-C" },
  },
  untilSignal: true,
  async run({ flags, io, out }) {
    const unknown = flags.only.filter((name) => !demoFaults.some((fault) => fault.name === name));
    if (unknown.length > 0)
      throw new Fault("usage", `expected a fault of the demo, found ${unknown.join(", ")}`);
    if (flags.compare !== undefined && flags.compare !== "haproxy")
      throw new Fault("usage", `expected --compare haproxy, found ${flags.compare}`);
    if (!existsSync(join(io.root, "test/model-server/main.ts")))
      throw new Fault("usage", "the demo's model servers are part of the repository, not of the bundle", {
        hint: "Clone the repository and run: npm ci && npm run demo",
      });
    const { objectivesMet } = await runDemo({
      out,
      only: flags.only,
      compare: flags.compare !== undefined,
      keep: flags.keep,
      copy: await copyTarget(flags, io.cwd),
      root: io.root,
      columns: Math.min(io.stdout.columns ?? 80, 120),
      signal: io.signal,
    });
    return objectivesMet ? 0 : 3;
  },
});
