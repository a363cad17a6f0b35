import { resolve } from "node:path";
import { Fault, faultTable } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { drillBody } from "../drill/drill-body.ts";
import { recordsSince, waitForStory } from "../drill/wait-for-story.ts";
import { writeEvidence } from "../drill/write-evidence.ts";
import { showIncident } from "../incident-view.ts";
import { operatorKeyFile, readOperatorKey } from "../operator-key.ts";
import { followOrder, orderFlags, serviceOf } from "../run-order.ts";
import { spanText } from "../span-text.ts";
import { wholeNumber } from "../whole-number.ts";

export const drillRun = defineCommand({
  usage: "drill run FAULT --target I",
  about:
    "Breaks an instance on purpose and measures what follows. Only instances marked drillable; every fault is undone after its time, and when its sidecar dies. Writes a signed report, as JSON and as a page. Exit 3 where an objective is missed.",
  examples: [
    ["locum drill run corrupt-weights --target a", "files overwritten and loaded: are they put back?"],
    ["locum drill run hang --service digits --target a --ms 5000", "for five seconds"],
  ],
  flags: {
    ...collectorFlags,
    ...orderFlags,
    ms: { kind: "text", fallback: "30000", about: "undone after this, 100 to 600000" },
    out: { kind: "text", fallback: "evidence", about: "folder of the report" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [fault], io, out }) {
    const { target: instance, reason } = flags;
    if (fault === undefined || instance === undefined)
      throw new Fault("usage", "expected a fault and --target INSTANCE", {
        hint: "Faults: nan, slow, error-rate, hang, corrupt-weights, kill, stop.",
      });
    const ms = wholeNumber("ms", flags.ms, { min: 100, max: 600_000 });
    const key = await readOperatorKey(operatorKeyFile(io));
    const access = await accessCollector(flags);
    const { client, config } = access;
    const service = await serviceOf(flags.service, access);
    const ordered = await client.drill({ service, instance, fault, ms, reason });
    const operation = await followOrder(ordered, { client, io, out, wait: !flags["no-wait"] });
    if (flags["no-wait"]) {
      out.summary({ operation });
      return 0;
    }
    const restoreMs = config?.objectives.restoreMs ?? 30_000;
    const incidents = await waitForStory(client, operation, {
      unseenMs: Math.max(ms, 10_000),
      deadlineMs: ms + 2 * restoreMs,
      clock: io.clock,
      signal: io.signal,
      onChange: (found) => out.event({ kind: "incidents", incidents: found }),
    });
    const body = drillBody({
      operation,
      incidents,
      fault,
      objectives: config?.objectives,
      nowMs: io.clock.wallMs(),
    });
    const files = await writeEvidence({
      body,
      records: await recordsSince(client, operation),
      key: key.pem,
      dir: resolve(io.cwd, flags.out),
      name: `${body.createdAt.slice(0, 19).replaceAll(":", "")}-${fault}-${instance}`,
    });
    for (const incident of incidents) showIncident(out, incident);
    out.say("");
    out.table(
      ["measure", "value", "at most", ""],
      body.measures.map(({ name, value, limit, met }) => [
        name,
        value === null ? "never" : spanText(value),
        limit === null ? "-" : spanText(limit),
        { text: met ? "met" : "missed", colour: met ? "good" : "bad" },
      ]),
    );
    const isMet = body.measures.every(({ met }) => met);
    out.say(`\nSigned report: ${files.join(", ")}\nlocum verify FILE checks it.`);
    out.summary({
      fault,
      service,
      instance,
      objectiveMet: isMet,
      measures: body.measures,
      incidents,
      files,
      operation,
    });
    return isMet ? 0 : faultTable["objective-missed"].exit;
  },
});
