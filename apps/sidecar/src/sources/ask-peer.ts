import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { TreePeer } from "@locum/snapshot";
import type { PeerTls } from "./serve-files.ts";

type Wanted = Parameters<TreePeer["ask"]>[0];
type Answer = Awaited<ReturnType<TreePeer["ask"]>>;

/** A peer that sends nothing for so long is not waited for. */
const stallMs = 10_000;
const streamsMax = 4;

/** One agent for all peers of a restore: connections stay open between chunks. */
export const peerAgent = (tls: PeerTls): Agent =>
  new Agent({
    ...tls,
    keepAlive: true,
    maxSockets: streamsMax,
    minVersion: "TLSv1.3",
    // The authority is the peers' own: its signature says who somebody is, and no address of a pod does.
    checkServerIdentity: () => undefined,
  });

/** A peer that gives the files of that tree at `url`, as its own /readyz says. */
export function askPeer({
  name,
  url,
  tree,
  agent,
}: {
  name: string;
  url: string;
  tree: string;
  agent: Agent;
}): TreePeer {
  return {
    name,
    ask: (wanted) =>
      new Promise((resolve) => {
        const path = wanted.file.path.split("/").map(encodeURIComponent).join("/");
        const target = URL.parse(`/v1/trees/${tree.replace(/^sha256:/, "")}/files/${path}`, url);
        if (target?.protocol !== "https:") return resolve({ kind: "failed", reason: "no https address" });
        const range = `bytes=${wanted.offset}-${wanted.offset + wanted.length - 1}`;
        const asked = request(target, { agent, signal: wanted.signal, headers: { range }, timeout: stallMs });
        const failed = (reason: string): void => resolve({ kind: "failed", reason });
        asked.on("response", (answer) => void take(answer, wanted).then(resolve));
        asked.on("timeout", () => asked.destroy(new Error(`silent for ${stallMs} ms`)));
        asked.on("error", (error) => failed(error.message));
        asked.end();
      }),
  };
}

function take(answer: IncomingMessage, { buffer, length, signal }: Wanted): Promise<Answer> {
  const { statusCode = 0 } = answer;
  if (statusCode !== 206) {
    answer.resume();
    return Promise.resolve(refusal(statusCode));
  }
  let at = 0;
  return new Promise((resolve) => {
    answer.on("data", (piece: Buffer) => {
      // Nothing is written any more once nobody waits for it: the buffer is another's then.
      if (signal.aborted || at + piece.length > length) return void answer.destroy();
      buffer.set(piece, at);
      at += piece.length;
    });
    answer.on("error", (error) => resolve({ kind: "failed", reason: error.message }));
    answer.on("close", () => {
      if (at === length) resolve({ kind: "bytes", bytes: buffer.subarray(0, length) });
      else resolve({ kind: "failed", reason: `${at} of ${length} bytes came` });
    });
  });
}

function refusal(status: number): Answer {
  const reason = `answered ${status}`;
  if (status === 503) return { kind: "busy", retryAfterMs: 1000 };
  return { kind: status === 404 || status === 409 ? "gone" : "failed", reason };
}
