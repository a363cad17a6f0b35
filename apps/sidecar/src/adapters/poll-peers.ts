import { Agent, get } from "node:http";
import { Digest, Role } from "@locum/contracts";
import { z } from "zod";
import type { PeerBook, PeerSeen } from "../peers.ts";

const Said = z.object({
  id: z.string(),
  role: Role,
  epoch: z.number(),
  fit: z.boolean(),
  models: z.array(z.string().max(1024)).max(256).default([]),
  files: z
    .object({ url: z.url({ protocol: /^https$/ }).max(512), tree: Digest })
    .nullable()
    .default(null),
});
/** Names of models make it long. */
const answerBytesMax = 262_144;

/** Asks the other sidecars themselves, so that a tap knows where to forward without a collector. */
export function pollPeers({
  book,
  clock,
  everyMs = 500,
  timeoutMs = 400,
  onHeard,
}: {
  book: PeerBook;
  clock: { monotonicMs(): number };
  everyMs?: number;
  timeoutMs?: number;
  onHeard: () => void;
}): { now(): void; stop(): void } {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, maxTotalSockets: 64 });
  const asking = new Set<string>();
  const ask = async (id: string, control: string): Promise<void> => {
    if (asking.has(id)) return;
    asking.add(id);
    const seen = await askReady(agent, control, timeoutMs);
    asking.delete(id);
    book.heard(id, seen?.id === id ? seen : null, clock.monotonicMs());
    onHeard();
  };
  const now = (): void => {
    for (const { id, control } of book.controls()) void ask(id, control);
  };
  const timer = setInterval(now, everyMs);
  timer.unref();
  return {
    now,
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

/** Null for everything that is no answer of a peer. */
function askReady(
  agent: Agent,
  control: string,
  timeoutMs: number,
): Promise<(NonNullable<PeerSeen> & { id: string }) | null> {
  return new Promise((resolve) => {
    if (!URL.canParse(control)) return resolve(null);
    const request = get(new URL("/readyz", control), { agent, timeout: timeoutMs }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
        if (text.length > answerBytesMax) request.destroy();
      });
      answer.on("error", () => resolve(null));
      answer.on("end", () => resolve(parse(text, answer.statusCode === 200)));
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(null));
    request.on("close", () => resolve(null));
  });
}

function parse(text: string, ready: boolean): (NonNullable<PeerSeen> & { id: string }) | null {
  try {
    const said = Said.parse(JSON.parse(text));
    return { ...said, fit: said.fit && ready };
  } catch {
    return null;
  }
}
