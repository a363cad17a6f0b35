import { z } from "zod";
import { CronExpression } from "./cron-expression.ts";
import { HttpJson, Protocol } from "./protocol.ts";
import { CollectorRepository, SnapshotPeers, SnapshotRepository } from "./snapshot-repository.ts";

/**
 * The one YAML file of a service. Every field has its default and its unit here, and nowhere else: the JSON Schema,
 * `locum check` and the types all come from these lines. Durations are milliseconds, sizes are bytes.
 */

export const Name = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/)
  .describe("lower-case letters, digits, '-' and '.', at most 63");

const HttpUrl = z.url({ protocol: /^https?$/ }).describe("http:// or https:// URL");

/** host:port. Port 0 lets the system choose. */
export const Address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}$/)
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "a port is at most 65535")
  .describe("host:port");

const FilePath = z.string().min(1).max(4096).describe("path, relative to this file or absolute");
const durationMs = (min: number, max: number) => z.number().int().min(min).max(max);

export const Role = z.enum(["active", "standby", "fenced"]);
export type Role = z.infer<typeof Role>;

export const PoolClass = z.enum(["stateless", "exclusive"]);
export type PoolClass = z.infer<typeof PoolClass>;

const Sidecar = z.strictObject({
  tap: Address.default("127.0.0.1:0").describe("data path of this instance"),
  control: Address.default("127.0.0.1:0").describe("/status, /readyz, /livez, /metrics"),
  agent: Address.default("127.0.0.1:0").describe("HAProxy agent-check"),
  files: Address.optional().describe(
    "where peers read the live model files, by mutual TLS (snapshot.peers); nobody does if absent",
  ),
  stateDir: FilePath.optional().describe(
    "spool, journal and identity; .locum/<service>-<id> beside this file if absent",
  ),
});

const Restart = z
  .union([
    z.strictObject({
      exec: z
        .array(z.string())
        .min(1)
        .describe("program and arguments, run without a shell; must end within 60 s"),
    }),
    z.strictObject({
      systemd: z
        .string()
        .regex(/^[A-Za-z0-9:_.@-]{1,200}\.service$/)
        .describe("unit, restarted by systemctl"),
      user: z.boolean().default(false).describe("a unit of the user's own manager"),
    }),
    z.strictObject({
      docker: z
        .string()
        .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/)
        .describe("container, restarted by docker (or podman)"),
      engine: z.enum(["docker", "podman"]).default("docker"),
    }),
    z.strictObject({
      child: z
        .array(z.string())
        .min(1)
        .describe("the model server itself: program and arguments, started and watched by the sidecar"),
      cwd: FilePath.optional(),
      stopMs: durationMs(100, 600_000).default(10_000).describe("from SIGTERM to SIGKILL"),
    }),
  ])
  .describe("how the model server of this instance is restarted; without it Locum never restarts it");
export type Restart = z.infer<typeof Restart>;

/** The program that a restart driver starts: it has to be there before it is needed. */
export function restartProgram(restart: Restart): string {
  if ("exec" in restart) return restart.exec[0] ?? "";
  if ("child" in restart) return restart.child[0] ?? "";
  return "systemd" in restart ? "systemctl" : restart.engine;
}

export const Instance = z.strictObject({
  id: Name,
  url: HttpUrl.describe("the model server itself"),
  protocol: Protocol.optional().describe("what it speaks; asked at the start if absent"),
  grpc: Address.optional().describe("its gRPC port; the tap takes gRPC and HTTP on one port"),
  management: HttpUrl.optional().describe("TorchServe's management API; the port above url if absent"),
  httpJson: HttpJson.optional().describe("paths and outputs of a server of no known protocol"),
  role: z.enum(["active", "standby"]).default("active").describe("role at the first start"),
  shadow: z
    .boolean()
    .default(false)
    .describe("asked and judged like the others, and never given traffic: no candidate, no capacity"),
  modelDir: FilePath.optional().describe("the files that it serves; without it bytes are not judged"),
  volume: Name.optional().describe(
    "instances that name one volume share its files: one failure domain, one restorer",
  ),
  domain: Name.optional().describe("failure domain (node, zone); the instance itself if absent"),
  maxConcurrency: z.number().int().min(1).max(4096).default(8),
  ca: FilePath.optional().describe("PEM of the authority that signed the model server's certificate"),
  headersFile: FilePath.optional().describe("JSON object of headers for the model server (authentication)"),
  pidFile: FilePath.optional().describe(
    "where the model server's process id is found, for drills with signals",
  ),
  restart: Restart.optional(),
  drillable: z.boolean().default(false).describe("drills may break this instance on purpose"),
  sidecar: Sidecar.default(Sidecar.parse({})),
});
export type Instance = z.infer<typeof Instance>;

const Probe = z.strictObject({
  processMs: durationMs(50, 60_000).default(250).describe("L0: is the port open"),
  liveMs: durationMs(100, 60_000).default(1000).describe("L1: does the server say that it lives"),
  readyMs: durationMs(100, 60_000).default(2000).describe("L2: does it say that the model is ready (a hint)"),
  timeoutMs: durationMs(50, 60_000).default(500),
  divertFloorMs: durationMs(100, 60_000)
    .default(500)
    .describe("L3: no progress for less than this is never a hang"),
  divertCeilingMs: durationMs(1000, 600_000)
    .default(60_000)
    .describe("L3: no progress for longer always is suspect"),
});

const Golden = z.strictObject({
  underTrafficMs: durationMs(100, 60_000).default(1000).describe("one golden this often while requests flow"),
  idleRoundMs: durationMs(1000, 3_600_000).default(30_000).describe("a full round within this while idle"),
  capacityShareMax: z
    .number()
    .gt(0)
    .max(1)
    .default(0.01)
    .describe("goldens use at most this part of measured capacity"),
  timeoutFloorMs: durationMs(50, 60_000)
    .default(300)
    .describe("8 x p99 of the instance's own goldens, never less"),
  fitnessMaxAgeMs: durationMs(1000, 3_600_000)
    .default(60_000)
    .describe("an older proof does not make a standby fit"),
  costPerDayMax: z
    .number()
    .int()
    .min(1)
    .optional()
    .describe("most goldens a day and instance, for billed routes"),
  allWrong: z
    .enum(["serve", "refuse", "rollback"])
    .default("serve")
    .describe("when every instance of a release fails its goldens"),
});

const Snapshot = z.strictObject({
  twin: z.boolean().default(true).describe("keep a verified copy beside the live files"),
  statMs: durationMs(100, 3_600_000).default(1000),
  scrubBytesPerSecond: z.number().int().min(65_536).default(50_000_000),
  settleMs: durationMs(100, 600_000).default(2000).describe("files must be quiet this long before a restore"),
  keepDisplaced: z.number().int().min(1).max(100).default(2).describe("generations of displaced files kept"),
  spareDir: FilePath.optional().describe(
    "folder on a volume of its own, where verified copies and their releases are kept as well",
  ),
  onSourceFailure: z
    .enum(["fail", "use-snapshot"])
    .default("fail")
    .describe(
      "use-snapshot: a model folder that is empty or lacks files is filled from spareDir, a peer or the repository before the sidecar says that it lives",
    ),
  schedule: CronExpression.optional().describe(
    "when the copies in spareDir are hashed again, and made anew where they are damaged: cron, five fields (or six, from seconds), in UTC",
  ),
  repository: SnapshotRepository.optional().describe("encrypted snapshots with history, kept elsewhere"),
  peers: SnapshotPeers.optional().describe("healthy instances are a source of restores"),
});

const Failover = z.strictObject({
  mode: z.enum(["auto", "dry-run"]).default("auto").describe("dry-run decides and records, and does nothing"),
  failClosed: z
    .boolean()
    .default(false)
    .describe("wrong is worse than absent: refuse rather than serve unproven answers"),
  onUnapproved: z
    .enum(["hold", "restore"])
    .default("restore")
    .describe("bytes that no approved release owns"),
  heartbeatMs: durationMs(100, 60_000).default(500),
  leaseMs: durationMs(500, 600_000).default(3000),
  prepareMs: durationMs(100, 600_000).default(2000).describe("a candidate proves itself within this"),
  actionsMax: z.number().int().min(1).max(1000).default(3).describe("repeats of one action on one instance"),
  actionsWindowMs: durationMs(1000, 86_400_000).default(900_000),
  failback: z.enum(["manual", "auto"]).default("manual"),
  failbackAfterMs: durationMs(1000, 86_400_000).default(300_000),
});

const Objectives = z.strictObject({
  detectMs: durationMs(1, 86_400_000).default(2000),
  rtoMs: durationMs(1, 86_400_000).default(5000),
  restoreMs: durationMs(1, 86_400_000).default(30_000),
});

export const Approver = z.strictObject({
  keyId: z.string().regex(/^[0-9a-f]{16}$/),
  publicKey: z
    .string()
    .regex(/^[A-Za-z0-9+/]{43}=$/)
    .describe("Ed25519 public key, base64"),
});

const DnsLabel = z.string().regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);

export const CollectorKubernetes = z.strictObject({
  namespaces: z
    .array(DnsLabel)
    .max(256)
    .default([])
    .describe("whose injected pods belong to this collector; all of the cluster if empty"),
  kubeconfig: FilePath.optional().describe("the pod's own service account if absent"),
  audience: z
    .string()
    .min(1)
    .max(253)
    .default("locum.dev-collector")
    .describe("of the projected tokens by which sidecars say which pod they are"),
  approvers: z
    .array(Approver)
    .max(64)
    .default([])
    .describe("who may approve releases of the services found; what a pod says of itself gives no right"),
  promotion: z
    .union([z.boolean(), z.array(DnsLabel).max(256)])
    .default(true)
    .describe(
      "keeps the label locum.dev/role on the pods of exclusive services: of every namespace, of none, or of those named",
    ),
  deletionCost: z.boolean().default(true).describe("idle pods are scaled away first"),
  heal: z
    .enum(["off", "evict"])
    .default("off")
    .describe("pods that asked for a sidecar and have none: only told, or evicted one a minute and service"),
});
export type CollectorKubernetes = z.infer<typeof CollectorKubernetes>;

export const CollectorElasticsearch = z.strictObject({
  url: HttpUrl.describe("Elasticsearch 8.19 or 9, or OpenSearch 3"),
  namespace: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_.]{0,99}$/)
    .default("default")
    .describe("last part of the names of its data streams: logs-locum.audit-<namespace>"),
  apiKeyFile: FilePath.optional().describe("API key that may create documents, and nothing else; mode 0600"),
  readApiKeyFile: FilePath.optional().describe("API key that may read them, to compare and to reconcile"),
  ca: FilePath.optional().describe("PEM of the authority that signed its certificate"),
  reconcileMs: durationMs(10_000, 86_400_000)
    .default(3_600_000)
    .describe("what it holds is counted against the log this often, and after each outage"),
});
export type CollectorElasticsearch = z.infer<typeof CollectorElasticsearch>;

export const Collector = z.strictObject({
  url: HttpUrl.optional().describe("where sidecars and the CLI find it; from listen if absent"),
  listen: Address.default("127.0.0.1:0"),
  dataDir: FilePath.default(".locum/collector"),
  tls: z
    .strictObject({ cert: FilePath, key: FilePath })
    .optional()
    .describe("PEM files; required off loopback"),
  ca: FilePath.optional().describe("PEM of the authority that signed the collector's certificate"),
  tokenFile: FilePath.default(".locum/tokens.json").describe("bearer tokens with their roles; mode 0600"),
  kubernetes: CollectorKubernetes.optional().describe("finds injected pods and their services by itself"),
  elasticsearch: CollectorElasticsearch.optional().describe(
    "where the audit log is copied to, for people to search; it is never the truth",
  ),
  repositories: z
    .array(CollectorRepository)
    .max(16)
    .default([])
    .describe("repositories of snapshots that this collector looks after"),
});
export type Collector = z.infer<typeof Collector>;

const Input = z.strictObject({
  mode: z.enum(["off", "observe"]).default("observe"),
  bytesMax: z.number().int().min(1024).default(8_388_608).describe("larger bodies pass unchecked"),
});

const Privacy = z.strictObject({
  payloads: z.literal("none").default("none").describe("request and answer bodies never leave the pod"),
  otlpUrl: HttpUrl.optional().describe("OTLP/HTTP metrics endpoint; nothing is exported without it"),
  exportMs: durationMs(1000, 3_600_000).default(15_000),
});

const Audit = z.strictObject({
  segmentBytes: z.number().int().min(65_536).default(8_388_608),
  retainDays: z.number().int().min(1).default(400),
});

export const Inference = z.strictObject({
  records: z
    .enum(["off", "file", "s3"])
    .default("off")
    .describe("a record of each inference, without payload, and where it goes; needs the posture tap"),
  dir: FilePath.optional().describe("folder of the batches, for file"),
  s3: z
    .strictObject({
      url: HttpUrl.describe("https://host/bucket/prefix"),
      region: z.string().min(1).max(64).default("us-east-1"),
      credentialsFile: FilePath.optional().describe(
        "as AWS tools write it, profile default; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY if absent",
      ),
    })
    .optional()
    .describe("S3-compatible store that knows If-None-Match, for s3"),
  sample: z.number().min(0).max(1).default(1).describe("part of the requests; the others are counted"),
  batchRecords: z.number().int().min(1).max(10_000).default(10_000),
  batchMs: durationMs(1000, 3_600_000).default(60_000).describe("a batch is closed after this at the latest"),
});
export type Inference = z.infer<typeof Inference>;

const Haproxy = z.strictObject({
  runtime: z
    .union([z.string().regex(/^\/[\x21-\x7e]{1,106}$/), Address])
    .describe("its Runtime API: path of the socket, or host:port of this machine"),
  backend: Name.optional().describe("the service if absent"),
});

const Traffic = z.strictObject({
  haproxy: z
    .array(Haproxy)
    .max(8)
    .default([])
    .describe(
      "told at once what the agent-check would answer when it is asked next; on the sidecar's machine",
    ),
});

const Notify = z.union([
  z.strictObject({ webhook: HttpUrl }),
  z.strictObject({ exec: z.array(z.string()).min(1).describe("the event comes as JSON on standard input") }),
]);

export const ServiceConfig = z.strictObject({
  apiVersion: z.literal("locum.dev/v1alpha1"),
  service: Name,
  class: PoolClass.default("stateless"),
  posture: z.enum(["watch", "tap"]).default("watch"),
  listen: Address.default("127.0.0.1:0").describe("front listener of locum up"),
  instances: z.array(Instance).min(1).max(64),
  models: z
    .array(z.string().min(1).max(256))
    .default([])
    .describe("models that the goldens prove; all that have goldens if empty"),
  releases: FilePath.default("releases").describe("folder of releases"),
  approvers: z.array(Approver).default([]).describe("who may approve a release"),
  probe: Probe.default(Probe.parse({})),
  golden: Golden.default(Golden.parse({})),
  snapshot: Snapshot.default(Snapshot.parse({})),
  failover: Failover.default(Failover.parse({})),
  objectives: Objectives.default(Objectives.parse({})),
  input: Input.default(Input.parse({})),
  privacy: Privacy.default(Privacy.parse({})),
  audit: Audit.default(Audit.parse({})),
  inference: Inference.default(Inference.parse({})),
  collector: Collector.default(Collector.parse({})),
  traffic: Traffic.default(Traffic.parse({})),
  notify: z.array(Notify).max(16).default([]),
});
export type ServiceConfig = z.infer<typeof ServiceConfig>;
