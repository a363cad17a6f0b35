import type { Verdict } from "@locum/contracts";
import { describe, expect, it } from "vitest";
import { type DivertInput, decideDivert } from "./divert.ts";

const release = `sha256:${"1".repeat(64)}`;
const failed = (hard: boolean): Verdict => ({
  kind: "failed",
  failure: "wrong-output",
  hard,
  evidence: [{ rung: "golden", atMs: 1, detail: "2 goldens" }],
});
const healthy: Verdict = { kind: "healthy", evidence: [] };
const suspect: Verdict = { kind: "suspect", failure: "hung", evidence: [] };
const base: DivertInput = {
  verdict: healthy,
  release,
  policy: null,
  mayEject: null,
  drained: false,
  dryRun: false,
};
const frozen = (allWrong: "serve" | "refuse" | "rollback") => ({ frozen: [release], allWrong });

describe("when new requests go elsewhere", () => {
  it.each<[string, Partial<DivertInput>, boolean]>([
    ["healthy", {}, false],
    ["suspect", { verdict: suspect, mayEject: true }, false],
    ["a hard proof needs nobody's permit", { verdict: failed(true) }, true],
    ["a hard proof against a permit refused", { verdict: failed(true), mayEject: false }, true],
    ["a soft verdict without a permit", { verdict: failed(false) }, false],
    ["a soft verdict, capacity would not stay", { verdict: failed(false), mayEject: false }, false],
    ["a soft verdict with a fresh permit", { verdict: failed(false), mayEject: true }, true],
    ["wrong everywhere, serve", { verdict: failed(true), policy: frozen("serve") }, false],
    ["wrong everywhere, rollback", { verdict: failed(true), policy: frozen("rollback") }, false],
    ["wrong everywhere, refuse", { verdict: failed(true), policy: frozen("refuse") }, true],
    ["another release is frozen", { verdict: failed(true), policy: { frozen: [], allWrong: "serve" } }, true],
    ["a dry run, whatever the proof", { verdict: failed(true), mayEject: true, dryRun: true }, false],
    ["drained by order, although healthy", { drained: true }, true],
  ])("%s", (_name, change, diverted) => {
    expect(decideDivert({ ...base, ...change }).diverted).toBe(diverted);
  });

  it("says why", () => {
    expect(decideDivert({ ...base, verdict: failed(true) }).why).toBe("wrong-output: 2 goldens");
  });
});
