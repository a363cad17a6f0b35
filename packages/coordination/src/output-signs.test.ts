import type { Probe } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import { startHealth } from "./health.ts";
import { judge } from "./judge.ts";

type Finding = Extract<Probe, { kind: "output" }>["finding"];

const policy = { divertFloorMs: 500, divertCeilingMs: 60_000, fitnessMaxAgeMs: 60_000 };
const release = `sha256:${"1".repeat(64)}`;
const set = ["g1", "g2"];
const golden = (atMs: number, id: string, right = true): Probe => ({
  kind: "golden",
  atMs,
  golden: id,
  model: "m",
  outcome: "answered",
  passes: right ? [release] : [],
  fails: right ? [] : [release],
  deltaMax: 0,
  latencyMs: 2,
  detail: "",
});
const found = (finding: Finding, atMs: number, contested = false): Probe => ({
  kind: "output",
  atMs,
  finding,
  model: "m",
  contested,
  detail: "d",
});
const start: Probe[] = [
  { kind: "releases", atMs: 0, approved: [{ digest: release, tree: null, goldens: set }] },
  ...set.map((id) => golden(1, id)),
];

function see(probes: Probe[]) {
  let health = startHealth(0);
  let asks: unknown[] = [];
  for (const probe of [...start, ...probes]) ({ health, asks } = judge(health, probe, policy));
  const { verdict } = health;
  return { said: `${verdict.kind}${"failure" in verdict ? ` ${verdict.failure}` : ""}`, asks };
}

const times = (finding: Finding, count: number, contested = false) =>
  Array.from({ length: count }, (_, i) => found(finding, 100 + i, contested));
const wrongOnce = [golden(200, "g1", false), golden(201, "g1", false)];

describe("findings in real answers", () => {
  it.each<[name: string, probes: Probe[], said: string]>([
    ["a flood alone is a reason to ask", times("flood", 1), "healthy"],
    ["two floods are still chance", times("flood", 2), "healthy"],
    ["floods again and again are suspect", times("flood", 3), "suspect wrong-output"],
    ["until a golden passes", [...times("flood", 3), golden(200, "g1")], "healthy"],
    [
      "but not where others answered the same well",
      [...times("flood", 3, true), golden(200, "g1")],
      "suspect wrong-output",
    ],
    [
      "different signs of one meaning count together",
      [...times("flood", 2), found("empty", 105)],
      "suspect wrong-output",
    ],
    [
      "with a golden that is wrong they confirm",
      [...times("wrong-finish", 3), ...wrongOnce],
      "failed wrong-output",
    ],
    ["broken streams are errors", times("malformed", 3), "suspect errors"],
    [
      "broken streams confirm no wrong golden",
      [...times("malformed", 3), ...wrongOnce],
      "suspect wrong-output",
    ],
    ["streams that stall are a hang", times("stalled", 3), "suspect hung"],
    ["errors that nobody contested may be the requests'", times("status-5xx", 20), "healthy"],
    ["contested errors are the instance's", times("status-5xx", 3, true), "suspect errors"],
    ["what is old is another story", [...times("flood", 3), found("empty", 20_000)], "healthy"],
  ])("%s", (_name, probes, said) => {
    expect(see(probes).said).toBe(said);
  });

  it("asks two goldens at once, and not again for the same while they are asked", () => {
    expect(see([found("flood", 100)]).asks).toHaveLength(2);
    expect(see([found("flood", 100), found("flood", 200)]).asks).toEqual([]);
    expect(see([found("flood", 100), found("malformed", 200)]).asks).toHaveLength(2);
    expect(see([found("flood", 100), found("flood", 1_200)]).asks).toHaveLength(2);
    expect(see([found("flood", 100), found("flood", 200, true)]).asks).toHaveLength(2);
  });
});
