import { isMap, isScalar, LineCounter, type ParsedNode, parseDocument, visit } from "yaml";

export type PathKey = string | number;
export type Place = { line: number; column: number };
export type YamlProblem = Place & { path: string; expected: string; found: string };
export type YamlDocument =
  | { problems: YamlProblem[] }
  | {
      value: unknown;
      /** Where a path stands in the text: its value, or its key; what is absent stands where its owner does. */
      placeOf(path: readonly PathKey[], on: "key" | "value"): Place;
    };

/** A hand-written file repeats a block or two by alias; hundreds of them are a bomb. */
const aliasesMax = 100;
/** Deeper than any real file, far less than what exhausts the stack of the parser. */
const depthMax = 32;
/** Block collections nest by indentation, or by several indicators on one line. */
const deepBlock = /(?:[-?:][ \t]+){32}|^[ \t]{128}/m;

/** Parses one YAML document from outside within bounded time and stack, and remembers where everything stood. */
export function parseYaml(text: string, { bytesMax }: { bytesMax: number }): YamlDocument {
  const bytes = Buffer.byteLength(text);
  if (bytes > bytesMax) return atStart(`at most ${bytesMax} bytes`, `${bytes} bytes`);
  if (bracketDepth(text) > depthMax || deepBlock.test(text))
    return atStart(`at most ${depthMax} levels`, "a deeper nesting");

  const lines = new LineCounter();
  // Unique keys are checked below: the parser's own check compares every key with every other.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false });
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems = [
    ...[...document.errors, ...document.warnings].map(({ pos, message }) => ({
      ...place(pos[0]),
      path: "",
      expected: "well-formed YAML",
      found: message,
    })),
    ...repeatedKeys(document.contents).map(({ offset, key }) => ({
      ...place(offset),
      path: key,
      expected: "each key once",
      found: "the key again",
    })),
  ];
  if (problems.length > 0) return { problems };
  try {
    const value: unknown = document.toJS({ maxAliasCount: aliasesMax });
    return { value, placeOf: (path, on) => place(offsetOf(document.contents, path, on)) };
  } catch (error) {
    return atStart(`at most ${aliasesMax} aliases, each of an anchor above it`, (error as Error).message);
  }
}

function repeatedKeys(contents: ParsedNode | null): { offset: number; key: string }[] {
  const found: { offset: number; key: string }[] = [];
  visit(contents, {
    Map(_, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name)) found.push({ offset: key.range?.[0] ?? 0, key: name });
        seen.add(name);
      }
    },
  });
  return found;
}

function offsetOf(contents: ParsedNode | null, path: readonly PathKey[], on: "key" | "value"): number {
  let node: unknown = contents;
  let offset = contents?.range[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      if (!pair) break;
      node = pair.value;
      const isLast = depth === path.length - 1;
      offset = startOf(isLast && on === "key" ? pair.key : (node ?? pair.key)) ?? offset;
    } else {
      const items = (node as { items?: unknown[] } | null)?.items;
      node = Array.isArray(items) ? items[Number(step)] : undefined;
      offset = startOf(node) ?? offset;
    }
  }
  return offset;
}

const startOf = (node: unknown): number | undefined =>
  (node as { range?: [number, number, number] } | null)?.range?.[0];

/** An upper bound of how deep flow collections nest. */
function bracketDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const char of text) {
    if (char === "[" || char === "{") deepest = Math.max(deepest, ++depth);
    else if (char === "]" || char === "}") depth = Math.max(0, depth - 1);
  }
  return deepest;
}

const atStart = (expected: string, found: string): YamlDocument => ({
  problems: [{ line: 1, column: 1, path: "", expected, found }],
});
