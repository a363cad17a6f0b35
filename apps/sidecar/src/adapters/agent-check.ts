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
  /** One model of several is sent elsewhere. */
  partial: boolean;
  /** Of several models one at least is proven and fresh. */
  partlyFit: boolean;
  /** Asked and judged, and never given traffic. */
  shadow: boolean;
  fit: boolean;
  peerFit: boolean;
  failClosed: boolean;
};

/**
 * One word for the balancer. In tap posture a diverted instance stays up as long as its tap can forward: taking it
 * away would only cost the connections that are open. 1 % means: after all others.
 */
export function agentWord(view: AgentView): string {
  const { exclusive, role, mayServe, failClosed, fit, diverted, drained, failure, peerFit, shadow } = view;
  if (shadow) return "drain";
  const isTap = view.posture === "tap";
  if (exclusive) return mayServe ? full : "drain";
  if (!mayServe) return "drain";
  if (!isTap && diverted) return failure !== null ? `down#${failure}` : "drain";
  // A tap refuses the requests of a wrong model by itself, and answers those of the others.
  if (failClosed && !fit && !(isTap && (peerFit || view.partlyFit))) return `down#${failure ?? "unproven"}`;
  if (diverted) return drained && !peerFit ? full : last;
  if (role === "standby") return fit || (isTap && peerFit) ? last : "drain";
  // A tap parts the models; a watcher can only ask for less, and goes on for those that are right.
  return failure === null && (isTap || !view.partial) ? full : last;
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
