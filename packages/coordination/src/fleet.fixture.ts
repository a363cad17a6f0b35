import { type Report, ServiceConfig } from "@locum/contracts";
import { decide } from "./decide.ts";
import type { Effect, Input, ServiceState } from "./decision.ts";
import { planOf, startService } from "./service-start.ts";

export const r1 = `sha256:${"1".repeat(64)}`;
export const older = `sha256:${"0".repeat(64)}`;
const good = `sha256:${"a".repeat(64)}`;
export const bad = `sha256:${"b".repeat(64)}`;

export const right: Report = {
  role: "standby",
  term: 1,
  epoch: 0,
  verdict: { kind: "healthy", evidence: [] },
  goldens: "proven",
  provenAgeMs: 1000,
  bytes: "approved",
  tree: good,
  release: r1,
  restorable: [r1],
  quietMs: 60_000,
  fit: true,
  diverted: false,
  canRestart: false,
  inflight: 0,
  requestsPerSecond: 25,
  capacityPerSecond: 100,
  p99Ms: 5,
  tap: null,
  control: null,
  policy: 0,
};
export const failed = (failure: "wrong-output" | "process-gone" | "hung", hard = true): Partial<Report> => ({
  verdict: { kind: "failed", failure, hard, evidence: [] },
  goldens: "failed",
  fit: false,
  diverted: true,
});
export const corrupt: Partial<Report> = { ...failed("wrong-output"), bytes: "unapproved", tree: bad };

/** A fleet that runs in the test: performs stores and acknowledgements of roles, and keeps what else was decided. */
export function fleet({ ids = ["a", "b"], config = {} }: { ids?: string[]; config?: object } = {}) {
  const instances = ids.map((id, index) => ({
    id,
    url: "http://127.0.0.1:1",
    role: index === 0 ? "active" : "standby",
  }));
  const plan = planOf(
    ServiceConfig.parse({ apiVersion: "locum.dev/v1alpha1", service: "s", instances, ...config }),
  );
  let state: ServiceState = startService(plan);
  let atMs = 0;
  const log: Effect[] = [];
  const reports: Record<string, Report> = Object.fromEntries(
    instances.map(({ id, role }) => [
      id,
      { ...right, role: plan.class === "exclusive" && role === "active" ? "fenced" : (role as "active") },
    ]),
  );
  type Event = Input extends infer I ? (I extends Input ? Omit<I, "atMs" | "wallMs"> : never) : never;
  const give = (event: Event): Effect[] => {
    const decision = decide(state, { atMs, wallMs: 1_700_000_000_000 + atMs, ...event } as Input);
    state = decision.state;
    log.push(...decision.effects);
    for (const effect of decision.effects)
      if (effect.kind === "store")
        give({ kind: "stored", version: effect.durable.version, ok: true, found: null });
    return decision.effects;
  };
  const report = (id: string, patch: Partial<Report> = {}) => {
    reports[id] = { ...(reports[id] ?? right), ...patch, epoch: state.durable.epoch };
    give({ kind: "report", instance: id, incarnation: `boot-${id}`, seq: 1, sentMs: 0, report: reports[id] });
  };
  const commands = () =>
    log.flatMap((effect) => (effect.kind === "send" ? [{ to: effect.instance, ...effect.command }] : []));
  const answer = (act: string, outcome: "done" | "failed" | "refused" = "done") => {
    const command = commands().findLast((one) => one.act.kind === act);
    if (!command) throw new Error(`no ${act} was sent; sent: ${commands().map((one) => one.act.kind)}`);
    if (outcome === "done" && act === "promote")
      reports[command.to] = { ...(reports[command.to] ?? right), role: "active" };
    if (outcome === "done" && act === "demote")
      reports[command.to] = { ...(reports[command.to] ?? right), role: "standby" };
    if (outcome === "done" && act === "fence")
      reports[command.to] = { ...(reports[command.to] ?? right), role: "fenced" };
    give({
      kind: "result",
      instance: command.to,
      result: { id: command.id, outcome, code: outcome === "done" ? "ok" : "refused", detail: "", tookMs: 5 },
    });
  };
  const pass = (ms: number, { beat = ids, stalledMs = 0 }: { beat?: string[]; stalledMs?: number } = {}) => {
    atMs += ms;
    for (const id of beat) report(id);
    give({
      kind: "tick",
      stalledMs,
      fleetSilent: 0,
      fleetSize: ids.length,
      leadUntilMs: Number.POSITIVE_INFINITY,
    });
  };
  give({ kind: "start", term: 1, durable: null, incidents: [], leadUntilMs: Number.POSITIVE_INFINITY });
  for (const id of ids) give({ kind: "connected", instance: id, incarnation: `boot-${id}` });
  for (let step = 0; step < 12 && !commands().some(({ act }) => act.kind === "prepare"); step++) pass(500);
  if (plan.class === "exclusive") {
    answer("prepare");
    pass(10);
    answer("promote");
    pass(10);
    give({ kind: "path", promotion: state.durable.promotion?.id ?? "", ok: true, detail: "" });
    pass(10);
  }
  log.length = 0;
  const audits = () => log.flatMap((effect) => (effect.kind === "audit" ? [effect.event.kind] : []));
  const sent = () => commands().map(({ to, act }) => `${act.kind} ${to}`);
  return { give, report, answer, pass, sent, audits, log, commands, state: () => state };
}
