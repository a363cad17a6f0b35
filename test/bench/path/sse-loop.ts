import { Agent, request } from "node:http";
import { type LoadResult, openLoop, type Rate } from "./open-loop.ts";

const body = JSON.stringify({
  model: "tiny",
  stream: true,
  messages: [{ role: "user", content: "Say something." }],
});

/** Streams; the latency of each is that of its first token. One that does not end well failed. */
export async function sseLoop({ port, ...rate }: Rate & { port: number }): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true });
  const result = await openLoop(rate, (ended) => stream({ port, agent, ended }));
  agent.destroy();
  return result;
}

function stream({
  port,
  agent,
  ended,
}: {
  port: number;
  agent: Agent;
  ended: (firstMs: number | undefined) => void;
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
      answer.on("end", () => ended(tail.trimEnd().endsWith("[DONE]") ? firstMs : undefined));
      answer.on("error", () => ended(undefined));
    },
  );
  asked.on("error", () => ended(undefined));
  asked.end(body);
}
