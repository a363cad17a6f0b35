import { Fault, type HttpJson, type Tensor } from "@locum/contracts";
import type { JSONPathQuery, JSONValue } from "json-p3";
import { tensorsOfJson } from "../json/tensors-of-json.ts";

const code = "upstream-protocol";
const resultsMax = 100_000;
const descentsMax = 1;

/**
 * Outputs by JSONPath (RFC 9535). The library is read at first use. A query that can lead to one place only gives the
 * value there, any other the list of what it finds, in the order of the answer.
 *
 * Evaluation is bounded by the answer (readJson limits its lists and objects), by the number of results, and by what a
 * query may be: one descent `..`, and no `match` or `search`, whose expressions would run on texts of the server.
 */
export function openJsonPaths(outputs: HttpJson["outputs"]): (answer: unknown) => Promise<Tensor[]> {
  let compiling: Promise<Compiled[]> | undefined;
  return async (answer) => {
    compiling ??= compile(outputs);
    const queries = await compiling;
    return queries.flatMap(({ name, query, isSingular }) => {
      const found = valuesAt(query, answer);
      if (typeof found === "string") throw new Fault(code, `output ${JSON.stringify(name)}: ${found}`);
      if (found.length === 0)
        throw new Fault(code, `output ${JSON.stringify(name)}: nothing at ${outputs[name]} in the answer`);
      return tensorsOfJson(name, isSingular ? found[0] : found, code);
    });
  };
}

/** What the query finds, or why it could not be followed. */
function valuesAt(query: JSONPathQuery, answer: unknown): unknown[] | string {
  const found: unknown[] = [];
  try {
    for (const { value } of query.lazyQuery(answer as JSONValue)) {
      if (found.length >= resultsMax) return `more than ${resultsMax} results`;
      found.push(value);
    }
  } catch (error) {
    // The library gives up on answers that are nested deeper than 50.
    return (error as Error).message.slice(0, 200);
  }
  return found;
}

type Compiled = { name: string; query: JSONPathQuery; isSingular: boolean };

async function compile(outputs: HttpJson["outputs"]): Promise<Compiled[]> {
  const { JSONPathEnvironment } = await import("json-p3");
  const environment = new JSONPathEnvironment();
  for (const name of ["match", "search"]) environment.functionRegister.delete(name);
  return Object.entries(outputs).map(([name, path]) => {
    const descents = path.replace(/"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'/g, "").split("..").length - 1;
    if (descents > descentsMax) throw unusable(name, path, `more than ${descentsMax} descent ".."`);
    try {
      const query = environment.compile(path);
      return { name, query, isSingular: query.singularQuery() };
    } catch (error) {
      throw unusable(name, path, (error as Error).message);
    }
  });
}

const unusable = (name: string, path: string, why: string): Fault =>
  new Fault("config-invalid", `httpJson.outputs.${name}: ${path} cannot be used: ${why.slice(0, 200)}`, {
    hint: "Write a JSONPath of RFC 9535 with at most one descent, without match and search: $.result.scores",
  });
