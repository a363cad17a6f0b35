import { Agent, request } from "node:http";
import type { LoadResult } from "./http-loop.ts";

const body = JSON.stringify({
  model: "tiny",
  stream: true,
  messages: [{ role: "user", content: "Say something." }],
});

/** Streams started at a fixed rate; the latency of each is that of its first token. One that does not end well failed. */
export function sseLoop({
  port,
  perSecond,
  seconds,
}: {
  port: number;
  perSecond: number;
  seconds: number;
}): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true });
  const total = Math.round(perSecond * seconds);
  const result: LoadResult = { latenciesMs: [], failed: 0 };
  return new Promise((resolve) => {
    let [sent, done] = [0, 0];
    const startedMs = performance.now();
    const end = (firstMs: number | undefined, whole: boolean) => {
      done += 1;
      if (firstMs === undefined || !whole) result.failed += 1;
      else result.latenciesMs.push(firstMs);
      if (done < total) return;
      agent.destroy();
      resolve(result);
    };
    const tick = () => {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * perSecond));
      for (; sent < due; sent += 1) stream({ port, agent, end });
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
}

function stream({
  port,
  agent,
  end,
}: {
  port: number;
  agent: Agent;
  end: (firstMs: number | undefined, whole: boolean) => void;
}): void {
  const sentMs = performance.now();
  let firstMs: number | undefined;
  let tail = "";
  const asked = request(
    {
      port,
      agent,
      host: "127.0.0.1",
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-type": "application/json", "content-length": String(body.length) },
    },
    (answer) => {
      answer.on("data", (piece: Buffer) => {
        firstMs ??= performance.now() - sentMs;
        tail = (tail + piece.toString("latin1")).slice(-32);
      });
      answer.on("end", () => end(firstMs, tail.trimEnd().endsWith("[DONE]")));
      answer.on("error", () => end(undefined, false));
    },
  );
  asked.on("error", () => end(undefined, false));
  asked.end(body);
}
