import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { effectsDigest, encodeInputLogLine, ServiceConfig } from "@locum/contracts";
import { decide, type Effect, type Input, planOf, startService } from "@locum/coordination";
import { expect, test } from "vitest";
import { openDesk } from "../testing/run-cli.ts";

const state = startService(
  planOf(
    ServiceConfig.parse({
      apiVersion: "locum.dev/v1alpha1",
      service: "s",
      instances: [
        { id: "a", url: "http://127.0.0.1:1" },
        { id: "b", url: "http://127.0.0.1:2", role: "standby" },
      ],
    }),
  ),
);
const at = (atMs: number) => ({ atMs, wallMs: 1_700_000_000_000 + atMs });
const inputs: Input[] = [
  { ...at(0), kind: "start", term: 1, durable: null, incidents: [], leadUntilMs: Number.POSITIVE_INFINITY },
  { ...at(10), kind: "stored", version: 1, ok: true, found: null },
  { ...at(20), kind: "connected", instance: "a", incarnation: "x" },
  {
    ...at(30),
    kind: "order",
    order: { id: "o1", by: "me", reason: "", kind: "promote", instance: "b", force: false },
  },
];
const decided: Effect[][] = [];
inputs.reduce((before, input) => {
  const decision = decide(before, input);
  decided.push(decision.effects);
  return decision.state;
}, state);
const log = [
  { state },
  ...inputs.flatMap((input, index) => [{ input }, { effects: effectsDigest(decided[index] ?? []) }]),
].map(encodeInputLogLine);

test("decides again what the log holds", async () => {
  await using desk = await openDesk();
  const file = join(desk.dir, "inputs.jsonl");
  await writeFile(file, `${log.join("\n")}\n`);
  const { code, json, stderr } = await desk.run("replay", file, "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(json.slice(0, -1).map(({ input }) => input)).toEqual(inputs.map(({ kind }) => kind));
  expect(
    json.slice(0, -1).map((line) => (line.effects as { kind: string }[]).map(({ kind }) => kind)),
  ).toEqual(decided.map((some) => some.map(({ kind }) => kind)));
  const summary = json.at(-1);
  expect(summary).toMatchObject({
    kind: "summary",
    inputs: inputs.length,
    compared: inputs.length,
    digest: expect.stringMatching(/^sha256:/),
  });
  expect((await desk.run("replay", file, "--json")).json.at(-1)).toEqual(summary);
});

test("finds a decision that is not the one that was made then", async () => {
  await using desk = await openDesk();
  const file = join(desk.dir, "inputs.jsonl");
  const changed = log.map((line, index) =>
    index === 4 ? encodeInputLogLine({ effects: "0".repeat(64) }) : line,
  );
  await writeFile(file, changed.join("\n"));
  const { code, stderr } = await desk.run("replay", file);
  expect(stderr).toContain("line 4: another decision was made then");
  expect(code).toBe(14);
});

test.for<[string, string[]]>([
  ["no JSON", ["{"]],
  ["something else", ['{"a":1}']],
  ["an input before any state", log.slice(1)],
  ["a state that the core cannot take", ['{"state":{}}', ...log.slice(1)]],
])("refuses a log with %s, and names the line", async ([, lines]) => {
  await using desk = await openDesk();
  const file = join(desk.dir, "inputs.jsonl");
  await writeFile(file, lines.join("\n"));
  const { code, stderr } = await desk.run("replay", file);
  expect(stderr).toMatch(/error request-invalid: line [12]:/);
  expect(code).toBe(64);
});
