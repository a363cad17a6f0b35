import { Fault, HttpJson } from "@locum/contracts";

/** Paths of a server of no known protocol, and where its answers hold the outputs, from the flags of `init`. */
export type HttpJsonFlags = {
  "infer-path": string | undefined;
  "live-path": string | undefined;
  "reload-path": string | undefined;
  output: readonly string[];
  model: readonly string[];
};

/** Undefined where the server speaks a protocol that is found out. @throws Fault usage */
export function readHttpJson({
  "infer-path": infer,
  "live-path": live,
  "reload-path": reload,
  output,
  model,
}: HttpJsonFlags): HttpJson | undefined {
  if (infer === undefined) {
    if (live === undefined && reload === undefined && output.length === 0) return undefined;
    throw new Fault("usage", "expected --infer-path beside --live-path, --reload-path and --output", {
      hint: "They describe a server of no known protocol: --infer-path is the path that takes a request.",
    });
  }
  const parsed = HttpJson.safeParse({
    infer,
    ...(live === undefined ? {} : { live }),
    ...(reload === undefined ? {} : { reload }),
    ...(model.length > 0 ? { models: model } : {}),
    ...(output.length > 0 ? { outputs: Object.fromEntries(output.map(readOutput)) } : {}),
  });
  if (parsed.success) return parsed.data;
  const [problem] = parsed.error.issues;
  throw new Fault("usage", `httpJson ${problem?.path.join(".")}: ${problem?.message}`, {
    hint: "Paths begin with /; {model} in them stands for the model's name.",
  });
}

function readOutput(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at < 1) throw new Fault("usage", `--output ${text}: expected NAME=JSONPATH, as scores=$.result.scores`);
  return [text.slice(0, at), text.slice(at + 1)];
}
