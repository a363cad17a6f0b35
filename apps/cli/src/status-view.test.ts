import type { InstanceView, PodsView, PodView, Report, RepositoryView, ServiceView } from "@locum/contracts";
import { expect, test } from "vitest";
import { createOutput } from "./output.ts";
import { showStatus } from "./status-view.ts";

const report: Report = {
  role: "active",
  term: 1,
  epoch: 2,
  verdict: { kind: "healthy", evidence: [] },
  goldens: "proven",
  provenAgeMs: 1200,
  bytes: "approved",
  tree: null,
  release: `sha256:${"ab12cd34".repeat(8)}`,
  restorable: [],
  quietMs: 1,
  fit: true,
  diverted: false,
  canRestart: false,
  inflight: 1,
  requestsPerSecond: 40,
  capacityPerSecond: 160,
  p99Ms: 12,
  tap: null,
  control: null,
  policy: 1,
};
const instance = (id: string, patch: Partial<InstanceView> = {}): InstanceView => ({
  service: "xray",
  instance: id,
  role: "active",
  connected: true,
  contested: false,
  silent: false,
  incarnation: "i",
  ageMs: 200,
  healthyForMs: 1,
  incident: null,
  report,
  ...patch,
});
const service: ServiceView = {
  service: "xray",
  class: "exclusive",
  posture: "tap",
  mode: "auto",
  state: "healthy",
  term: 1,
  epoch: 2,
  active: ["xray-0"],
  fit: ["xray-0", "xray-1"],
  instances: 2,
  connected: 2,
  pausedUntilMs: null,
  frozen: [],
  observeOnly: false,
  massSilence: false,
  promoting: null,
  incidents: [],
};
const pod = (name: string, patch: Partial<PodView> = {}): PodView => ({
  namespace: "models",
  pod: name,
  node: "n1",
  service: "xray",
  instance: name,
  injection: "injected",
  detail: null,
  version: "0.1.0",
  rev: "default",
  role: "active",
  ready: true,
  deleting: false,
  ...patch,
});

function shown(columns: number, pods?: PodsView, repositories: RepositoryView[] = []): string {
  let text = "";
  const sink = { isTTY: true, columns, write: (more: string) => (text += more) };
  const out = createOutput(
    { stdout: sink, stderr: sink, env: (name) => (name === "NO_COLOR" ? "1" : undefined) },
    { json: false },
  );
  const instances = [instance("xray-0"), instance("xray-1", { role: "standby" })];
  showStatus(out, { services: [service], instances, pods, repositories, nowMs: 0 });
  return text;
}

const pods: PodsView = {
  kubernetes: "behind",
  pods: [
    pod("xray-0", { ready: false }),
    pod("xray-1"),
    pod("bare-7", {
      instance: null,
      service: null,
      injection: "missed",
      detail: "made while nothing injected",
      role: null,
    }),
    pod("old-1", { instance: null, deleting: true }),
  ],
};

test.each([80, 120])("fits %i columns", (columns) => {
  for (const line of shown(columns, pods).split("\n")) expect(line.length).toBeLessThanOrEqual(columns);
});

test("a wide terminal shows class, posture, release, p99 and load", () => {
  expect(shown(120)).toMatch(/xray +healthy +exclusive +tap +xray-0 +2\/2/);
  expect(shown(120)).toMatch(/xray-0 +active +healthy +proven 1\.2 s ago +approved +ab12cd34 +12 ms +25 %/);
  expect(shown(80)).not.toContain("ab12cd34");
});

test("pods: what differs from the collector's word, what has no sidecar, and that the API is away", () => {
  const text = shown(120, pods);
  expect(text).toMatch(/xray-0 .*fit, its pod is not ready/);
  expect(text).toMatch(/xray-1 .*fit, labelled active/);
  expect(text).toMatch(/models\/bare-7 +missed +made while nothing injected/);
  expect(text).not.toContain("old-1");
  expect(text).toContain("does not hear the Kubernetes API");
  expect(shown(120)).not.toContain("pod");
});

const repository = (patch: Partial<RepositoryView>): RepositoryView =>
  ({ service: "xray", restorable: true, rpoAgeMs: 10_800_000, ...patch }) as RepositoryView;

test.each([
  [[repository({})], /rpo 3 h/],
  [[repository({ restorable: false })], /no restorable snapshot/],
  [[repository({ rpoAgeMs: null })], /no restorable snapshot/],
])("a service says how old its newest verified snapshot is, where it has a repository", (views, expected) => {
  expect(shown(100, undefined, views)).toMatch(expected);
  expect(shown(100, undefined, [repository({ service: "other" })])).not.toMatch(/rpo|restorable/);
});
