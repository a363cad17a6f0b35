import { createServer, type Server } from "node:net";

/** What the agent-check says: HAProxy's words, in one line. */
export type AgentView = {
  posture: "watch" | "tap";
  exclusive: boolean;
  role: "active" | "standby" | "fenced";
  mayServe: boolean;
  diverted: boolean;
  drained: boolean;
  failure: string | null;
  fit: boolean;
  peerFit: boolean;
  failClosed: boolean;
};

/**
 * One word for the balancer. In tap posture a diverted instance stays up as long as its tap can forward: taking it
 * away would only cost the connections that are open. 1 % means: after all others.
 */
export function agentWord(view: AgentView): string {
  const { exclusive, role, mayServe, failClosed, fit, posture, diverted, drained, failure, peerFit } = view;
  if (exclusive) return mayServe ? full : "drain";
  if (!mayServe) return "drain";
  if (posture === "watch" && diverted) return failure !== null ? `down#${failure}` : "drain";
  if (failClosed && !fit && !(posture === "tap" && peerFit)) return `down#${failure ?? "unproven"}`;
  if (diverted) return drained && !peerFit ? full : last;
  if (role === "standby") return fit || (posture === "tap" && peerFit) ? last : "drain";
  return failure === null ? full : last;
}

const full = "up ready 100%";
const last = "up ready 1%";

/** Says the word to whoever connects, and closes. Answered from memory: no question waits for anything. */
export function createAgentCheck(word: () => string): Server {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.end(`${word()}\n`);
    // Whatever is sent to us is not read into memory.
    socket.resume();
  });
  server.maxConnections = 256;
  return server;
}

const idleMs = 2000;
