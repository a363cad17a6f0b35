import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuditEvent, type Instance, loadServiceFile, type ServiceConfig } from "@locum/contracts";
import { type StartedSidecar, startSidecar } from "../sidecar/start-sidecar.ts";
import { locumCommand } from "../stack/locum-command.ts";
import { until } from "../stack/until.ts";
import { type Peer, type PeerName, startPeer } from "./peer.ts";
import { peerRequests } from "./peer-requests.ts";

export type PeerSidecar = {
  dir: string;
  peer: Peer;
  sidecar: StartedSidecar;
  /** What the sidecar wrote into its audit spool, oldest first. */
  audit: AuditEvent[];
  /** Asks every golden request once, at the sidecar's tap or at the server itself: how many were not answered with 200. */
  failures(at: "tap" | "server"): Promise<number>;
  /** Waits until the instance is proven fit and a copy of its files can be restored from. */
  settled(): Promise<void>;
  /** The sidecar anew in this process, on the same state: what happens when it is upgraded. */
  restartSidecar(): Promise<void>;
  close(): Promise<void>;
};

/** Short times, so that a test sees in a second what production sees in a minute. */
const quick = {
  golden: { idleRoundMs: 2000, fitnessMaxAgeMs: 8000, underTrafficMs: 300, timeoutFloorMs: 2000 },
  snapshot: { statMs: 100, settleMs: 300 },
};

/**
 * One real server with one sidecar beside it and no collector: `init`, `golden record`, then the sidecar in this
 * process. `restart` gives the driver, and may take the server over (a child) before the sidecar starts.
 */
export async function startPeerSidecar(
  name: PeerName,
  { restart = async () => undefined }: { restart?: (peer: Peer) => Promise<Instance["restart"]> } = {},
): Promise<PeerSidecar> {
  const dir = await mkdtemp(join(tmpdir(), `locum-${name}-`));
  const closing: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const peer = await startPeer(name, { dir: join(dir, "server") });
    closing.push(peer.stop);
    const requests = await peerRequests(peer, 8);
    const service = await configure(dir, peer, { requests, restart });
    const audit: AuditEvent[] = [];
    const start = () =>
      startSidecar(service, service.instances[0]?.id ?? "", {
        stateDir: join(dir, "state"),
        change: (deps) => ({ ...deps, spool: keeping(audit) }),
      });
    let sidecar = await start();
    closing.push(() => sidecar.close());
    const urls = { tap: () => sidecar.tap, server: () => peer.url };
    return {
      dir,
      peer,
      get sidecar() {
        return sidecar;
      },
      audit,
      async failures(at) {
        const statuses = await Promise.all(requests.map((request) => statusOf(urls[at](), request)));
        return statuses.filter((status) => status !== 200).length;
      },
      async settled() {
        const isSettled = () => sidecar.report().fit && sidecar.report().restorable.length > 0;
        await until(isSettled, { what: `${name} to be fit`, withinMs: 90_000 }).catch((error: Error) => {
          const { verdict, bytes, goldens, restorable } = sidecar.report();
          const seen = JSON.stringify({ verdict, bytes, goldens, restorable });
          const told = audit.slice(-8).map(({ kind, reason }) => `${kind}: ${reason}`);
          throw new Error(`${error.message}; last seen ${seen};\n${told.join("\n")}`);
        });
      },
      async restartSidecar() {
        await sidecar.close();
        sidecar = await start();
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

type Configure = {
  requests: readonly { path: string; body: Record<string, unknown> }[];
  restart: (peer: Peer) => Promise<Instance["restart"]>;
};

async function configure(dir: string, peer: Peer, { requests, restart }: Configure): Promise<ServiceConfig> {
  const locum = locumCommand({ dir });
  const config = join(dir, "locum.yaml");
  const upstream = ["--upstream", peer.url, "--model-dir", peer.modelDir];
  await locum.done("init", "--service", "digits", ...upstream, "--out", config);
  const inputs = join(dir, "inputs.json");
  await writeFile(
    inputs,
    JSON.stringify(requests.map(({ path, body: { id: _, ...body } }) => ({ path, body }))),
  );
  await locum.done("golden", "record", "--config", config, "--inputs", inputs);
  const written = await loadServiceFile(config);
  const driver = await restart(peer);
  return {
    ...written,
    posture: "tap",
    collector: { ...written.collector, listen: "127.0.0.1:0", url: undefined },
    golden: { ...written.golden, ...quick.golden },
    snapshot: { ...written.snapshot, ...quick.snapshot },
    instances: written.instances.map((instance) => ({
      ...instance,
      ...(driver ? { restart: driver } : {}),
      // A child writes its own.
      ...(driver && "exec" in driver ? { pidFile: join(dir, "server/pid") } : {}),
    })),
  };
}

async function statusOf(
  base: string,
  { path, body }: { path: string; body: Record<string, unknown> },
): Promise<number> {
  try {
    const answer = await fetch(`${base}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(10_000),
    });
    await answer.arrayBuffer();
    return answer.status;
  } catch {
    return 0;
  }
}

const keeping = (events: AuditEvent[]) => ({
  put: async (event: AuditEvent) => events.push(event),
  pending: async () => [],
  acknowledge: async () => {},
  stats: () => ({ waiting: 0 }),
  close: async () => {},
});
