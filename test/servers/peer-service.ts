import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadServiceFile, type ServiceConfig } from "@locum/contracts";
import { type LocumCommand, locumCommand, type Running } from "../stack/locum-command.ts";
import { type StackView, viewStack } from "../stack/stack-view.ts";
import { type Peer, type PeerName, startPeer } from "./peer.ts";
import { type PeerRequest, peerRequests } from "./peer-requests.ts";

export type PeerService = StackView & {
  dir: string;
  config: string;
  locum: LocumCommand;
  peers: Record<string, Peer>;
  requests: PeerRequest[];
  running: Running;
  close(): Promise<void>;
};

/** Two real servers of one kind, taken care of as README.md says: `init`, `golden record`, `up`. */
export async function startPeerService(
  name: PeerName,
  {
    restartDriver = true,
    edit = (it) => it,
    ids = ["a", "b"],
  }: {
    restartDriver?: boolean;
    edit?: (config: ServiceConfig) => ServiceConfig;
    ids?: readonly string[];
  } = {},
): Promise<PeerService> {
  const dir = await mkdtemp(join(tmpdir(), `locum-${name}-`));
  const closing: (() => Promise<unknown>)[] = [() => rm(dir, { recursive: true, force: true })];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end();
  };
  try {
    const peers: Record<string, Peer> = {};
    for (const id of ids) {
      const peer = await startPeer(name, { dir: join(dir, id) });
      closing.push(peer.stop);
      peers[id] = peer;
    }
    const locum = locumCommand({ dir });
    const config = join(dir, "locum.yaml");
    const all = Object.values(peers);
    await Promise.all(all.slice(1).map((peer) => serveSame(peer, all[0]?.liveFile ?? "")));
    const pairs = all.flatMap(({ url, modelDir }) => ["--upstream", url, "--model-dir", modelDir]);
    await locum.done("init", "--service", "digits", ...pairs, "--out", config);
    const written = await loadServiceFile(config);
    const instances = await Promise.all(
      written.instances.map(async (instance, index) => {
        const peer = all[index];
        if (!peer) return instance;
        const restart = restartDriver ? { restart: { exec: await peer.restartCommand() } } : {};
        return { ...instance, pidFile: join(dir, ids[index] ?? "", "pid"), ...restart };
      }),
    );
    // Many faults in few minutes are a bench, not a flapping instance. JSON is YAML.
    const failover = { ...written.failover, actionsMax: 1000 };
    await writeFile(config, JSON.stringify(edit({ ...written, instances, failover }), null, 2));
    const requests = all[0] ? await peerRequests(all[0]) : [];
    const inputs = join(dir, "inputs.json");
    await writeFile(
      inputs,
      JSON.stringify(requests.map(({ path, body: { id: _, ...body } }) => ({ path, body }))),
    );
    await locum.done("golden", "record", "--config", config, "--inputs", inputs);
    const running = await locum.up(config);
    closing.push(running.end);
    const view = viewStack(running);
    return { ...view, dir, config, locum, peers, requests, running, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Archives that were packed twice differ in their clocks; a release is one content. */
async function serveSame(peer: Peer, file: string): Promise<void> {
  const [mine, theirs] = await Promise.all([readFile(peer.liveFile), readFile(file)]);
  if (mine.equals(theirs)) return;
  await writeFile(`${peer.liveFile}.new`, theirs);
  await rename(`${peer.liveFile}.new`, peer.liveFile);
  await peer.restart();
}
