import { open } from "node:fs/promises";
import type { z } from "zod";
import { Fault } from "./fault.ts";
import { describeValue, explainIssue, type PathProblem } from "./schema-issue.ts";
import { ServiceConfig } from "./service.ts";
import { resolvePaths } from "./service-paths.ts";
import { relationProblems } from "./service-relations.ts";
import { type PathKey, parseYaml } from "./yaml-document.ts";

/** One thing that is wrong in a service file. Lines and columns count from 1. */
export type ServiceProblem = { line: number; column: number; path: string; expected: string; found: string };
export type ParsedService = { config: ServiceConfig } | { problems: ServiceProblem[] };

const fileBytesMax = 1_048_576;
const problemsMax = 100;

/**
 * Parses the YAML of one service as a whole, relations included, before any port opens. Every problem is listed
 * with its place (the first 100); paths in the configuration come out absolute, resolved against the folder of `file`.
 */
export function parseServiceFile(text: string, { file }: { file: string }): ParsedService {
  const document = parseYaml(text, { bytesMax: fileBytesMax });
  if ("problems" in document) return listed(document.problems);
  const judged = judge(document.value, file);
  if ("config" in judged) return judged;
  return listed(
    judged.problems.slice(0, problemsMax).map(({ path, on, expected, found }) => ({
      ...document.placeOf(path, on),
      path: pathText(path),
      expected,
      found,
    })),
  );
}

/**
 * Reads and parses a service file. Bytes that are not UTF-8 are a problem with its line.
 * @throws Fault config-unreadable
 */
export async function readServiceFile(path: string): Promise<ParsedService> {
  const bytes = await readBounded(path);
  const text = bytes.toString("utf8");
  const again = Buffer.from(text);
  if (again.equals(bytes)) return parseServiceFile(text.replace(/^\uFEFF/, ""), { file: path });
  let at = 0;
  while (again[at] === bytes[at]) at += 1;
  const before = bytes.subarray(0, at).toString("utf8").split("\n");
  return listed([
    {
      line: before.length,
      column: (before.at(-1)?.length ?? 0) + 1,
      path: "",
      expected: "UTF-8",
      found: `byte 0x${(bytes[at] ?? 0).toString(16).padStart(2, "0")}`,
    },
  ]);
}

/**
 * The configuration, or one fault that names every problem: for programs that start only on a sound file.
 * @throws Fault config-unreadable | config-invalid
 */
export async function loadServiceFile(path: string): Promise<ServiceConfig> {
  const parsed = await readServiceFile(path);
  if ("config" in parsed) return parsed.config;
  const lines = parsed.problems.map((problem) => problemLine(path, problem));
  throw new Fault("config-invalid", `${path} has ${lines.length} problem(s):\n${lines.join("\n")}`);
}

/** One problem as one line that editors can follow. */
export function problemLine(file: string, { line, column, path, expected, found }: ServiceProblem): string {
  return `${file}:${line}:${column}: ${path === "" ? "" : `${path}: `}expected ${expected}, found ${found}`;
}

function judge(value: unknown, file: string): { config: ServiceConfig } | { problems: PathProblem[] } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const expected = "a mapping with apiVersion, service and instances";
    return { problems: [{ path: [], on: "value", expected, found: describeValue(value) }] };
  }
  const parsed = ServiceConfig.safeParse(value);
  if (parsed.success) {
    const config = resolvePaths(parsed.data, file);
    const problems = relationProblems(config);
    return problems.length === 0 ? { config } : { problems };
  }
  const { issues } = parsed.error;
  const problems = issues.slice(0, problemsMax).flatMap((issue) => explainIssue(ServiceConfig, issue, value));
  // A misspelt key alone does not hide the relations: they are judged as if the key were not there.
  const rest = issues.every(({ code }) => code === "unrecognized_keys")
    ? ServiceConfig.safeParse(without(value, issues)).data
    : undefined;
  return { problems: rest ? [...problems, ...relationProblems(resolvePaths(rest, file))] : problems };
}

function without(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy = structuredClone(value);
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const owner = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown>)[key], copy);
    for (const key of issue.keys) delete (owner as Record<string, unknown>)[key];
  }
  return copy;
}

async function readBounded(path: string): Promise<Buffer> {
  try {
    await using file = await open(path, "r");
    const buffer = Buffer.alloc(fileBytesMax + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } catch (cause) {
    throw new Fault("config-unreadable", `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
}

const pathText = (path: readonly PathKey[]): string =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? key : `${text}.${key}`),
    "",
  );

const listed = (problems: ServiceProblem[]): ParsedService => ({
  problems: problems.sort((a, b) => a.line - b.line || a.column - b.column).slice(0, problemsMax),
});
