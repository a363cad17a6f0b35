import type { Bench, BenchFlag } from "./bench.ts";

const number = (about: string): BenchFlag => ({ kind: "number", about });
const on = (about: string): BenchFlag => ({ kind: "switch", about });

/** Every bench; its module is loaded when it runs, for some need parts that others do not. */
export const benches: Record<string, Bench> = {
  servers: {
    about: "what the tap adds to a request of each protocol, beside HAProxy and nginx",
    flags: {
      rounds: number("rounds of each way (5)"),
      seconds: number("of each measurement (2)"),
      only: { kind: "text", about: "loads whose name has this in it: rest, grpc, sse, 64 KB" },
    },
    run: (tools) => import("./servers.ts").then(({ run }) => run(tools)),
  },
  liveness: {
    about:
      "what real servers say of themselves when their model goes bad, what Locum says, and after how long",
    flags: {
      only: { kind: "text", about: "servers: triton,kserve,mlserver,torchserve,openai" },
      fault: { kind: "text", about: "faults whose name has this in it" },
      idle: on("without traffic"),
      calm: number("minutes of load on each server instead, from its cold start and with no fault at all"),
    },
    run: (tools) => import("./liveness.ts").then(({ run }) => run(tools)),
  },
  failover: {
    about:
      "crash, hang and wrong answers under traffic, until the instance is proven right again, beside HAProxy",
    flags: {
      runs: number("of every fault (3)"),
      rate: number("requests a second (200)"),
      only: { kind: "text", about: "one fault: crash, hang, corrupt, nan, older" },
      "no-peer": on("without HAProxy"),
      idle: on("wrong answers without any traffic instead; takes half a minute each"),
    },
    run: (tools) => import("./failover.ts").then(({ run }) => run(tools)),
  },
  peers: {
    about: "bytes of a restore from a healthy peer, beside a bare download by the same TLS",
    flags: { megabytes: number("of the model (256)"), rounds: number("of each way (7)") },
    run: (tools) => import("./peers.ts").then(({ run }) => run(tools)),
  },
  switchover: {
    about:
      "planned switchovers behind a HAProxy with the configuration of locum haproxy render, under traffic",
    flags: {
      runs: number("switchovers of each way (40)"),
      rate: number("requests a second (200)"),
      only: { kind: "text", about: "how HAProxy hears of it: agent-check, runtime" },
    },
    run: (tools) => import("./switchover.ts").then(({ run }) => run(tools)),
  },
  abuse: {
    about: "a spike, a very slow request, pauses of sidecars and collector: nobody may be isolated",
    flags: { minutes: number("how long (1)"), rate: number("requests a second (50)") },
    run: (tools) => import("./abuse.ts").then(({ run }) => run(tools)),
  },
  deploys: {
    about: "approved releases deployed at random moments, during restores too: none may be disturbed",
    flags: { tries: number("deploys (10)"), seed: number("of the random moments") },
    run: (tools) => import("./deploys.ts").then(({ run }) => run(tools)),
  },
  audit: {
    about:
      "the audit log: append beside bare flushes, verify, ask; its copy under faults and kills, beside the bulk helper and rsyslog",
    flags: {
      events: number("records (1000000)"),
      writers: number("at once (64)"),
      only: { kind: "text", about: "append,ship,drain,peers" },
      "kill-ms": number("between kills of the shipping process (10000)"),
      "peer-events": number("records that the peers ship (100000)"),
    },
    run: (tools) => import("./audit/audit.ts").then(({ run }) => run(tools)),
  },
  injection: {
    about: "a thousand pods injected, as the webhook and as the command line do it",
    flags: { rounds: number("of each way (5)") },
    run: (tools) => import("./injection.ts").then(({ run }) => run(tools)),
  },
  admission: {
    about:
      "what the webhook adds to the creation of a pod on a real API server, beside one that does nothing",
    flags: {
      pods: number("of each way (500)"),
      controllers: on(
        "with controllers, a scheduler and the pods' own tokens: then the webhook is asked twice",
      ),
    },
    run: (tools) => import("./admission.ts").then(({ run }) => run(tools)),
  },
  endpointslice: {
    about: "the label of roles on a real API server: until the endpoints of a Service are the new active's",
    flags: { flips: number("promotions (40)") },
    run: (tools) => import("./endpointslice.ts").then(({ run }) => run(tools)),
  },
  footprint: {
    about: "memory of the sidecar's bundle under steady traffic, with its telemetry going out",
    flags: { seconds: number("how long (20)") },
    run: (tools) => import("./footprint.ts").then(({ run }) => run(tools)),
  },
  snapshot: {
    about:
      "backup and restore of weights and text by Locum, restic, borg, rsync and zipnn: speed, size, CPU, memory",
    flags: {
      rounds: number("of every tool, one after another (5)"),
      quick: on("one round of less, in two minutes"),
      mb: number("megabytes of the dense bf16 set (256); the others are 32 at most"),
      only: { kind: "text", about: "bf16,fp32,fp16,quantised,text,trained,large,swap" },
      tools: { kind: "text", about: "tools whose name has this in it: locum,restic,borg,rsync,zipnn" },
      dir: { kind: "text", about: "a folder of your own instead" },
      changed: { kind: "text", about: "a later version of it" },
    },
    run: (tools) => import("./snapshot/snapshot.ts").then(({ run }) => run(tools)),
  },
};
