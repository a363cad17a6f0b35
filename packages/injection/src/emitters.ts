import { type PolicyLimit, policyLimits } from "./install/policy-limits.ts";

/** Who puts sidecars in: `locum inject` into a text, the webhook, and the API server by the policy. */
export type Emitter = "text" | "webhook" | "policy";
export type EmitterRow = { about: string; by: readonly Emitter[] };

const everybody = ["text", "webhook", "policy"] as const;
const beyondPolicy = ({ about }: PolicyLimit): EmitterRow => ({ about, by: ["text", "webhook"] });

/** What each emitter covers; where several do, the result is one and the same. docs/injection.md shows it. */
export const emitterRows = {
  watch: { about: "posture `watch` of a known server", by: everybody },
  tap: beyondPolicy(policyLimits.tap),
  probes: beyondPolicy(policyLimits.probes),
  source: beyondPolicy(policyLimits.source),
  server: beyondPolicy(policyLimits.server),
  long: beyondPolicy(policyLimits.long),
  letters: beyondPolicy(policyLimits.letters),
  references: beyondPolicy(policyLimits.references),
  again: {
    about: "another version's or other values' injection is taken out first",
    by: ["text", "webhook"],
  },
  namespace: {
    about: "pods without a label of their own, in a namespace labelled `locum.dev/injection: enabled`",
    by: ["webhook", "policy"],
  },
  rendered: {
    about: "pods that another controller makes: an InferenceService that names a model format only",
    by: ["webhook", "policy"],
  },
  service: { about: "Services that are pointed at the tap, where no port could be taken", by: ["text"] },
  compose: { about: "Compose files", by: ["text"] },
  unit: { about: "systemd units", by: ["text"] },
} as const satisfies Record<string, EmitterRow>;

/** The rows as a table of Markdown. */
export const emittersTable = (): string =>
  [
    "| | `locum inject` | webhook | policy |",
    "| --- | --- | --- | --- |",
    ...Object.values(emitterRows).map(
      ({ about, by }: EmitterRow) =>
        `| ${about} | ${everybody.map((one) => (by.includes(one) ? "yes" : "no")).join(" | ")} |`,
    ),
  ].join("\n");
