/** What a sidecar's agent-check says about its instance, in the words of HAProxy's agent-check. */
export type AgentWord = {
  state: "up" | "drain" | "down" | "maint";
  /** Percent. Zero takes no new connections. */
  weight: number;
  reason: string;
};

/** Reads one line such as `up ready 100%`, `drain`, `down#reason`. Undefined where it says nothing known. */
export function parseAgentWord(line: string): AgentWord | undefined {
  const [words = "", reason = ""] = line.trim().split("#", 2);
  const word: AgentWord = { state: "up", weight: 100, reason: reason.trim() };
  let known = false;
  for (const token of words.toLowerCase().split(/[\s,]+/)) {
    const percent = /^(\d{1,3})%$/.exec(token)?.[1];
    const state = states[token];
    if (percent !== undefined) word.weight = Math.min(100, Number(percent));
    else if (state) word.state = worse(word.state, state);
    else continue;
    known = true;
  }
  return known ? word : undefined;
}

function worse(a: AgentWord["state"], b: AgentWord["state"]): AgentWord["state"] {
  return order.indexOf(b) > order.indexOf(a) ? b : a;
}

const order: AgentWord["state"][] = ["up", "drain", "maint", "down"];
const states: Partial<Record<string, AgentWord["state"]>> = {
  up: "up",
  ready: "up",
  drain: "drain",
  maint: "maint",
  down: "down",
  fail: "down",
  failed: "down",
  stopped: "down",
};
