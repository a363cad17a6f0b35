import { processesBelow } from "../stack/process-tree.ts";
import type { Peer, PeerName } from "./peer.ts";

export type PeerFault = {
  /** What is done to the server, for a table. */
  about: string;
  /** Undefined where it says nothing new about this server. */
  strike(peer: Peer): Promise<void>;
  on: readonly PeerName[];
};

const every: readonly PeerName[] = ["triton", "kserve", "mlserver", "torchserve", "openai"];
const withWorkers: readonly PeerName[] = ["triton", "mlserver", "torchserve"];

/** Everything that real servers do while they say that they are well, or say nothing. */
export const peerFaults: Record<string, PeerFault> = {
  "wrong model": {
    about: "another model's file put in place and loaded",
    on: every,
    async strike(peer) {
      // It has no reload, and its weights are mapped from the file.
      if (peer.name === "openai") return peer.overwrite("wrong");
      await peer.swap("wrong");
      await load(peer);
    },
  },
  "worker killed": {
    about: "SIGKILL to the process that computes",
    on: withWorkers,
    strike: toWorkers("SIGKILL"),
  },
  "worker stopped": {
    about: "SIGSTOP to the process that computes",
    on: withWorkers,
    strike: toWorkers("SIGSTOP"),
  },
  "server stopped": {
    about: "SIGSTOP to all of it: TCP connects, no byte comes",
    on: every,
    async strike(peer) {
      peer.signal("SIGSTOP");
    },
  },
  "server killed": {
    about: "SIGKILL to all of it",
    on: every,
    async strike(peer) {
      peer.signal("SIGKILL");
    },
  },
  "model unloaded": { about: "by its own API", on: ["triton", "torchserve"], strike: unload },
  "killed, garbage in place": {
    about: "SIGKILL to all of it, with a file that does not load where its model was",
    on: every,
    async strike(peer) {
      await peer.swap("garbage");
      peer.signal("SIGKILL");
    },
  },
};

/** As a person would who deploys, by the server's own API. */
async function load({ name, url, management, model }: Peer): Promise<void> {
  if (name === "torchserve") {
    await said(fetch(`${management}/models/${model}`, { method: "DELETE" }));
    const query = `url=${model}.mar&initial_workers=1&synchronous=true`;
    return said(fetch(`${management}/models?${query}`, { method: "POST" }));
  }
  return said(fetch(`${url}/v2/repository/models/${model}/load`, { method: "POST" }));
}

async function unload({ name, url, management, model }: Peer): Promise<void> {
  await said(
    name === "torchserve"
      ? fetch(`${management}/models/${model}`, { method: "DELETE" })
      : fetch(`${url}/v2/repository/models/${model}/unload`, { method: "POST" }),
  );
}

async function said(asked: Promise<Response>): Promise<void> {
  const answer = await asked;
  if (!answer.ok) throw new Error(`${answer.url}: ${answer.status} ${await answer.text()}`);
}

function toWorkers(signal: NodeJS.Signals): PeerFault["strike"] {
  return async (peer) => {
    const workers = processesBelow(peer.pid).filter(({ args }) => isWorker(peer, args.join(" ")));
    if (workers.length === 0) throw new Error(`${peer.name} has no worker process`);
    for (const { pid } of workers) process.kill(pid, signal);
  };
}

function isWorker({ name }: Peer, line: string): boolean {
  if (name === "triton") return line.includes("triton_python_backend_stub");
  if (name === "torchserve") return line.includes("model_service_worker");
  return line.includes("multiprocessing") && !line.includes("resource_tracker");
}
