import type { Command } from "./command.ts";
import type { VerbGroup } from "./overview.ts";

type Entry = { group: VerbGroup; about: string; load: () => Promise<Command> };

/** Every verb, once. Each is loaded only when it is called, so that `--help` is quick and a broken one harms no other. */
export const verbs = {
  demo: {
    group: "start",
    about: "faults that no health check sees, in one minute",
    load: async () => (await import("./commands/demo.ts")).demo,
  },
  init: {
    group: "start",
    about: "write a working configuration from running servers",
    load: async () => (await import("./commands/init.ts")).init,
  },
  "golden record": {
    group: "start",
    about: "learn right answers, sign the first release",
    load: async () => (await import("./commands/golden-record.ts")).goldenRecord,
  },
  up: {
    group: "start",
    about: "collector, sidecars and one address, on this machine",
    load: async () => (await import("./commands/up.ts")).up,
  },
  check: {
    group: "start",
    about: "every problem of a configuration, with its line",
    load: async () => (await import("./commands/check.ts")).check,
  },
  detect: {
    group: "start",
    about: "what a model server is: protocol, models, tensors",
    load: async () => (await import("./commands/detect.ts")).detectServer,
  },
  approve: {
    group: "start",
    about: "sign a new release, or sign one again",
    load: async () => (await import("./commands/approve.ts")).approve,
  },
  status: {
    group: "look",
    about: "services and instances at a glance",
    load: async () => (await import("./commands/status.ts")).status,
  },
  top: {
    group: "look",
    about: "the same, and again every second",
    load: async () => (await import("./commands/top.ts")).top,
  },
  console: {
    group: "look",
    about: "an address of the collector's own pages",
    load: async () => (await import("./commands/console.ts")).consoleCommand,
  },
  "incident ls": {
    group: "look",
    about: "incidents, newest first",
    load: async () => (await import("./commands/incident-ls.ts")).incidentLs,
  },
  "incident show": {
    group: "look",
    about: "one incident with its timeline",
    load: async () => (await import("./commands/incident-show.ts")).incidentShow,
  },
  "release ls": {
    group: "look",
    about: "approved releases and who serves them",
    load: async () => (await import("./commands/release-ls.ts")).releaseLs,
  },
  "audit tail": {
    group: "look",
    about: "follow the audit log",
    load: async () => (await import("./commands/audit-tail.ts")).auditTail,
  },
  "audit search": {
    group: "look",
    about: "records of the audit log",
    load: async () => (await import("./commands/audit-search.ts")).auditSearch,
  },
  "audit verify": {
    group: "look",
    about: "what was altered, taken out or put in",
    load: async () => (await import("./commands/audit-verify.ts")).auditVerify,
  },
  "audit shipping": {
    group: "look",
    about: "how the copy in Elasticsearch stands",
    load: async () => (await import("./commands/audit-shipping.ts")).auditShipping,
  },
  "audit replay": {
    group: "act",
    about: "send again what Elasticsearch had refused",
    load: async () => (await import("./commands/audit-replay.ts")).auditReplay,
  },
  "audit answer": {
    group: "look",
    about: "what answered a request, with proofs",
    load: async () => (await import("./commands/audit-answer.ts")).auditAnswer,
  },
  "audit dossier": {
    group: "look",
    about: "one incident in a file that proves itself",
    load: async () => (await import("./commands/audit-dossier.ts")).auditDossier,
  },
  promote: {
    group: "act",
    about: "make an instance the active one, in a new epoch",
    load: async () => (await import("./commands/orders.ts")).promote,
  },
  failback: {
    group: "act",
    about: "give a repaired instance its first role back",
    load: async () => (await import("./commands/orders.ts")).failback,
  },
  restore: {
    group: "act",
    about: "put the files of an approved release back",
    load: async () => (await import("./commands/orders.ts")).restore,
  },
  reload: {
    group: "act",
    about: "load the files again and ask all goldens",
    load: async () => (await import("./commands/orders.ts")).reload,
  },
  restart: {
    group: "act",
    about: "run the configured restart driver",
    load: async () => (await import("./commands/orders.ts")).restart,
  },
  pause: {
    group: "act",
    about: "stop automatic actions for a while",
    load: async () => (await import("./commands/pause.ts")).pause,
  },
  resume: {
    group: "act",
    about: "take a pause back",
    load: async () => (await import("./commands/pause.ts")).resume,
  },
  "audit forget": {
    group: "act",
    about: "let go of a person's name; records and proofs stay",
    load: async () => (await import("./commands/audit-forget.ts")).auditForget,
  },
  "drill run": {
    group: "prove",
    about: "break a drillable instance on purpose, and measure",
    load: async () => (await import("./commands/drill-run.ts")).drillRun,
  },
  "drill ls": {
    group: "prove",
    about: "drills that were run",
    load: async () => (await import("./commands/drill-ls.ts")).drillLs,
  },
  verify: {
    group: "prove",
    about: "check a signed report, offline",
    load: async () => (await import("./commands/verify.ts")).verify,
  },
  replay: {
    group: "prove",
    about: "make recorded decisions again, bit by bit",
    load: async () => (await import("./commands/replay.ts")).replay,
  },
  "snapshot init": {
    group: "keep",
    about: "a repository of encrypted snapshots, and its keys",
    load: async () => (await import("./commands/snapshot-init.ts")).snapshotInit,
  },
  "snapshot create": {
    group: "keep",
    about: "a snapshot of a model folder, live; stores what is new",
    load: async () => (await import("./commands/snapshot-create.ts")).snapshotCreate,
  },
  "snapshot ls": {
    group: "keep",
    about: "snapshots, and what each channel points to",
    load: async () => (await import("./commands/snapshot-ls.ts")).snapshotLs,
  },
  "snapshot show": {
    group: "keep",
    about: "files, tensors and state of a snapshot",
    load: async () => (await import("./commands/snapshot-show.ts")).snapshotShow,
  },
  "snapshot diff": {
    group: "keep",
    about: "tensors and configuration that changed between two",
    load: async () => (await import("./commands/snapshot-diff.ts")).snapshotDiff,
  },
  "snapshot verify": {
    group: "keep",
    about: "what is damaged, by its name; moves last-verified",
    load: async () => (await import("./commands/snapshot-verify.ts")).snapshotVerify,
  },
  "snapshot repair": {
    group: "keep",
    about: "make damaged packs whole, from parity or from live files",
    load: async () => (await import("./commands/snapshot-repair.ts")).snapshotRepair,
  },
  "snapshot restore": {
    group: "keep",
    about: "a snapshot back into a folder, or one file of it",
    load: async () => (await import("./commands/snapshot-restore.ts")).snapshotRestore,
  },
  "snapshot forget": {
    group: "keep",
    about: "let go of snapshots that no rule keeps",
    load: async () => (await import("./commands/snapshot-forget.ts")).snapshotForget,
  },
  "snapshot prune": {
    group: "keep",
    about: "give back the space of what no snapshot needs",
    load: async () => (await import("./commands/snapshot-prune.ts")).snapshotPrune,
  },
  "snapshot pin": {
    group: "keep",
    about: "hold a snapshot under a name",
    load: async () => (await import("./commands/snapshot-pin.ts")).snapshotPin,
  },
  "snapshot unpin": {
    group: "keep",
    about: "let go of what a pin holds",
    load: async () => (await import("./commands/snapshot-pin.ts")).snapshotUnpin,
  },
  "snapshot keys ls": {
    group: "keep",
    about: "who can open how much of what is stored",
    load: async () => (await import("./commands/snapshot-keys-ls.ts")).snapshotKeysLs,
  },
  "snapshot keys add": {
    group: "keep",
    about: "let one more read, old snapshots too",
    load: async () => (await import("./commands/snapshot-keys-add.ts")).snapshotKeysAdd,
  },
  "snapshot keys drop": {
    group: "keep",
    about: "seal for one less, from now on",
    load: async () => (await import("./commands/snapshot-keys-drop.ts")).snapshotKeysDrop,
  },
  "snapshot keys rotate": {
    group: "keep",
    about: "make all that is stored readable to today's recipients",
    load: async () => (await import("./commands/snapshot-keys-rotate.ts")).snapshotKeysRotate,
  },
  "snapshot keys drill": {
    group: "keep",
    about: "prove that the key in escrow opens the snapshots",
    load: async () => (await import("./commands/snapshot-keys-drill.ts")).snapshotKeysDrill,
  },
  "snapshot keys log": {
    group: "keep",
    about: "what private keys were used for, and by whom",
    load: async () => (await import("./commands/snapshot-keys-log.ts")).snapshotKeysLog,
  },
  "snapshot export": {
    group: "keep",
    about: "as a folder, a tar file or a ModelPack for a registry",
    load: async () => (await import("./commands/snapshot-export.ts")).snapshotExport,
  },
  "snapshot import": {
    group: "keep",
    about: "a folder or tar file from elsewhere, as a snapshot",
    load: async () => (await import("./commands/snapshot-import.ts")).snapshotImport,
  },
  inject: {
    group: "deploy",
    about: "put sidecars into manifests, Compose files and units",
    load: async () => (await import("./commands/inject.ts")).inject,
  },
  uninject: {
    group: "deploy",
    about: "take them out again, byte for byte",
    load: async () => (await import("./commands/uninject.ts")).uninject,
  },
  diff: {
    group: "deploy",
    about: "what inject would change in a file",
    load: async () => (await import("./commands/diff.ts")).diff,
  },
  explain: {
    group: "deploy",
    about: "why a pod is injected, or is not: rule by rule",
    load: async () => (await import("./commands/explain.ts")).explain,
  },
  render: {
    group: "deploy",
    about: "what the webhook would answer for a pod",
    load: async () => (await import("./commands/render.ts")).render,
  },
  install: {
    group: "deploy",
    about: "Locum into a Kubernetes cluster, from one values file",
    load: async () => (await import("./commands/install.ts")).install,
  },
  upgrade: {
    group: "deploy",
    about: "to this version and these values; --plan only looks",
    load: async () => (await import("./commands/upgrade.ts")).upgrade,
  },
  uninstall: {
    group: "deploy",
    about: "takes it out again, and nothing else",
    load: async () => (await import("./commands/uninstall.ts")).uninstall,
  },
  "audit setup": {
    group: "deploy",
    about: "Elasticsearch or OpenSearch, for the copy of the audit log",
    load: async () => (await import("./commands/audit-setup.ts")).auditSetup,
  },
  sidecar: {
    group: "run",
    about: "one sidecar, beside its model server",
    load: async () => (await import("./commands/program.ts")).sidecar,
  },
  collector: {
    group: "run",
    about: "the collector",
    load: async () => (await import("./commands/program.ts")).collector,
  },
  "systemd render": {
    group: "run",
    about: "hardened units for the service's machines",
    load: async () => (await import("./commands/systemd-render.ts")).systemdRender,
  },
  "haproxy render": {
    group: "run",
    about: "a backend for HAProxy with the agent-checks",
    load: async () => (await import("./commands/haproxy-render.ts")).haproxyRender,
  },
} as const satisfies Record<string, Entry>;
