import { type Key, sourceKey, statusKey } from "../keys.ts";
import { containerName } from "../strip.ts";
import { literal } from "./cel.ts";
import { keyText } from "./key-checks.ts";

const textBytesMax = 8192;
const wordsMax = 2000;

/** Something that inject() covers, and the MutatingAdmissionPolicy leaves to the webhook and the command line. */
export type PolicyLimit = {
  about: string;
  /** True of pods within the limit: by variables of the policy, or by values of a key alone. */
  holds: { expression: string } | { key: Key; values: readonly string[] };
};

/** In the order in which inject() asks; docs/injection.md and the guard's warning come from these rows. */
export const policyLimits = {
  tap: {
    about: "posture `tap`, and so class `exclusive`: a port that is taken over, by name or by number",
    holds: { key: "posture", values: ["watch"] },
  },
  probes: {
    about: "probes that the sidecar asks: `rewrite-probes` other than `auto` and `none`",
    holds: { key: "rewrite-probes", values: ["auto", "none"] },
  },
  source: {
    about: "a start while the model's source is away: `on-source-failure: use-snapshot`",
    holds: { key: "on-source-failure", values: ["fail"] },
  },
  server: {
    about: "a server that is known neither by its image nor by its program",
    holds: { expression: "size(variables.targets) > 0" },
  },
  long: {
    about: "commands and arguments of more than 8 KiB, or 2000 words",
    holds: {
      expression: `size(variables.target.raw) <= ${textBytesMax} && size(variables.target.words) <= ${wordsMax}`,
    },
  },
  letters: {
    about: "commands and arguments with letters beyond ASCII",
    holds: { expression: `variables.target.raw.matches(${literal("^[\\t\\n\\r -~]*$")})` },
  },
  references: {
    about: "commands and arguments with references to variables, such as `$(NAME)`",
    holds: { expression: `!variables.target.raw.matches(${literal("\\$[({]")})` },
  },
} as const satisfies Record<string, PolicyLimit>;

/** A policy can put in, and not take out: a pod of another injection is left as it is. */
export const notInjected = `!(${literal(statusKey)} in object.metadata.?annotations.orValue({})) && !(${literal(sourceKey)} in object.metadata.?annotations.orValue({})) && !(object.spec.containers + object.spec.?initContainers.orValue([])).exists(c, c.name == ${literal(containerName)})`;

const limits: readonly PolicyLimit[] = Object.values(policyLimits);

/** The rows as one list of expressions, with the keys as the policy's variables name them. */
export const limitExpressions = (variableOf: (key: Key) => string): string[] =>
  limits.map(({ holds }) =>
    "key" in holds
      ? `variables.${variableOf(holds.key)} in [${holds.values.map(literal).join(", ")}]`
      : holds.expression,
  );

/** Which key it is that a pod without a sidecar is beyond the policy by; `otherwise` where it is none. */
export const beyondExpression = (defaults: Readonly<Record<string, string>>, otherwise: string): string =>
  limits.reduceRight((rest, { holds }) => {
    if (!("key" in holds)) return rest;
    const { key, values } = holds;
    const text = `not_injected: the admission policy does not cover locum.dev/${key} other than ${values.join(", ")}; locum inject and the webhook do`;
    return `!(${keyText(key, defaults)} in [${values.map(literal).join(", ")}]) ? ${literal(text)} : ${rest}`;
  }, literal(otherwise));
