import type {
  AuditEvent,
  Command,
  CommandResult,
  Digest,
  Incident,
  Policy,
  PoolClass,
  Report,
  Role,
} from "@locum/contracts";

/** What the decision core needs of a service's configuration: a slice, so that a decision can be replayed from it. */
export type ServicePlan = {
  service: string;
  class: PoolClass;
  instances: readonly InstancePlan[];
  mode: "auto" | "dry-run";
  failClosed: boolean;
  onUnapproved: "hold" | "restore";
  allWrong: "serve" | "refuse" | "rollback";
  heartbeatMs: number;
  leaseMs: number;
  prepareMs: number;
  fitnessMaxAgeMs: number;
  settleMs: number;
  actionsMax: number;
  actionsWindowMs: number;
  failback: "manual" | "auto";
  failbackAfterMs: number;
  /** What a recovery is measured against; absent in logs from before it was written down. */
  objectives?: { detectMs: number; rtoMs: number; restoreMs: number };
};
export type InstancePlan = {
  id: string;
  role: "active" | "standby";
  volume: string;
  domain: string;
  /** Asked and judged, and never given traffic. */
  shadow?: boolean;
};

/** What must survive the process. Written by compare-and-swap on `version`, before any command that follows from it. */
export type Durable = {
  version: number;
  term: number;
  epoch: number;
  roles: Record<string, Role>;
  promotion: Promotion | null;
  operations: Record<string, Operation>;
  /** Start times (wall clock) of automatic actions, `<action>:<instance>`, for the budget. */
  spent: Record<string, number[]>;
  pausedUntil: number | null;
  frozen: Digest[];
  /** Models that are wrong everywhere, by release; absent in states from before there were several. */
  frozenModels?: Record<Digest, string[]>;
};

export type Promotion = {
  id: string;
  epoch: number;
  from: string | null;
  to: string;
  reason: string;
  phase: "prepare" | "verify";
  /** Wall clock, so that a new leader knows how old the intent is. */
  startedAt: number;
  prepared: boolean;
  /** The boot of the candidate that proved itself: no other boot of that identity is promoted by this epoch. */
  incarnation: string | null;
  fenced: boolean;
  /** Operation that asked for it, null for an automatic one. */
  operation: string | null;
  /** A person takes the responsibility for an unproven candidate. */
  forced: boolean;
  incident: string | null;
};

export type Operation = {
  id: string;
  kind: "promote" | "restore" | "reload" | "restart" | "failback" | "drill";
  instance: string;
  state: "pending" | "running" | "done" | "failed" | "refused";
  code: string;
  detail: string;
  requestedBy: string;
  createdAt: number;
  endedAt: number | null;
  incident: string | null;
  act: Command["act"] | null;
};

/** One instance as the collector sees it. Times are the collector's monotonic clock. */
export type Member = {
  id: string;
  incarnation: string | null;
  connected: boolean;
  /** Two live incarnations of one identity: nobody knows which one a command would reach. */
  contested: boolean;
  /** The other live incarnations while it is contested. */
  rivals: readonly string[];
  /** When it answered that it has taken the role it was told to take; its next report has to show it. */
  answeredAtMs: number | null;
  heardAtMs: number | null;
  report: Report | null;
  /** Number of that report in its stream: an older one that comes later says nothing. */
  seq: number;
  silent: boolean;
  healthySinceMs: number | null;
  /** When its last repair ended: what it reported before that says nothing of what came of it. */
  repairedAtMs: number | null;
  /** Until when the lease that was last granted may still be held (exclusive only). */
  leaseUntilMs: number;
  /** Which boot of it that lease was granted to: another one cannot give it back. */
  leasedTo: string | null;
  incident: string | null;
};

export type OpenIncident = Incident & {
  /** Repairs already tried in it, in order: the next one is chosen by what did not help. */
  tried: string[];
  /** Wall clock of the first divert or promotion; a new leader does not know it of those that it took over. */
  safeAtMs?: number;
};

export type ServiceState = {
  plan: ServicePlan;
  durable: Durable;
  /** The durable state that is on its way to the store; commands that follow from a change wait in `held`. */
  storing: Durable | null;
  held: Effect[];
  /** What the store is known to hold: sinks hear of no higher term or epoch, for a crash may take back the rest. */
  stored: { term: number; epoch: number };
  members: Record<string, Member>;
  incidents: Record<string, OpenIncident>;
  /** Commands sent and not answered: id -> what for. */
  awaited: Record<
    string,
    { instance: string; incarnation: string; act: Command["act"]["kind"]; untilMs: number }
  >;
  /** Candidates that did not prove themselves for the promotion at hand, and when. */
  tried: Record<string, number>;
  /** No promotion before this: a new leader first listens. */
  observeUntilMs: number;
  /** Sinks report a higher term or epoch than the store: only observe (a restored store must not command). */
  observeOnly: boolean;
  massSilence: boolean;
  /** Until when the store guarantees that nobody else leads (Infinity for a store with one process): leases end with it. */
  leadUntilMs: number;
  /** The policy last sent, and how many were sent in this term: its number is term x 10^6 + count. */
  policy: Policy | null;
  policyCount: number;
  /** Numbers commands, incidents and operations within a term. */
  counter: number;
  /** What dry-run and exhausted budgets have already said, so that they say it once. */
  said: Record<string, true>;
};

/** Everything that can happen, with its time inside. `atMs` is monotonic, `wallMs` only labels records. */
export type Input = { atMs: number; wallMs: number } & (
  | { kind: "start"; term: number; durable: Durable | null; incidents: Incident[]; leadUntilMs: number }
  | { kind: "connected"; instance: string; incarnation: string }
  | { kind: "disconnected"; instance: string; incarnation: string }
  | { kind: "report"; instance: string; incarnation: string; seq: number; sentMs: number; report: Report }
  | { kind: "result"; instance: string; result: CommandResult }
  | { kind: "stored"; version: number; ok: boolean; found: Durable | null }
  | { kind: "path"; promotion: string; ok: boolean; detail: string }
  | { kind: "tick"; stalledMs: number; fleetSilent: number; fleetSize: number; leadUntilMs: number }
  | { kind: "order"; order: Order }
  /** The instances that there are now; what else stands in it holds from now on, but for service and class. */
  | { kind: "plan"; plan: ServicePlan }
);

/** What a person asks for. `id` is the operation's id, so that a repeated request is the same operation. */
export type Order = { id: string; by: string; reason: string } & (
  | { kind: "promote"; instance: string; force: boolean }
  | { kind: "failback"; instance: string }
  | { kind: "restore"; instance: string; release: Digest | null }
  | { kind: "reload"; instance: string }
  | { kind: "restart"; instance: string }
  | { kind: "drill"; instance: string; fault: string; ms: number }
  | { kind: "pause"; untilWallMs: number }
  | { kind: "resume" }
);

/** What the core wants done. Data only: the driver performs it, and what comes of it returns as an input. */
export type Effect =
  | { kind: "store"; durable: Durable }
  | { kind: "send"; instance: string; command: Command }
  | {
      kind: "ack";
      instance: string;
      seq: number;
      sentMs: number;
      term: number;
      epoch: number;
      leaseMs: number | null;
      mayEject: boolean;
    }
  | { kind: "policy"; policy: Policy }
  | { kind: "verify-path"; promotion: string; epoch: number; instance: string }
  | { kind: "audit"; event: Omit<AuditEvent, "at"> }
  | { kind: "incident"; incident: Incident }
  | { kind: "notify"; subject: string; event: Omit<AuditEvent, "at"> }
  | { kind: "would"; effect: Effect };

export type Decision = { state: ServiceState; effects: Effect[] };
