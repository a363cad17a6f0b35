import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { fixtures, model } from "./start-digits.ts";

export type Sent = { status: number; right: boolean; ms: number };
export type TrafficClient = {
  sent: Sent[];
  failed(): number;
  wrong(): number;
  stop(): Promise<void>;
};

const images = (
  JSON.parse(readFileSync(`${fixtures}/test-set.json`, "utf8")) as { images: { image: number[] }[] }
).images
  .slice(0, 32)
  .map(({ image }) => image.map((value) => value / 16));

/** Requests at a steady pace, each compared with the first right answer to its image. */
export function sendTraffic(
  url: string,
  { everyMs = 20, path = `/v2/models/${model}/infer` } = {},
): TrafficClient {
  const agent = new Agent({ keepAlive: true });
  const sent: Sent[] = [];
  const known = new Map<number, string>();
  const running = new Set<Promise<void>>();
  let next = 0;
  const timer = setInterval(() => {
    const index = next++ % images.length;
    const work = ask(agent, `${url}${path}`, images[index] ?? []).then(({ status, body, ms }) => {
      const answer = classOf(body);
      if (status === 200 && !known.has(index) && answer !== "") known.set(index, answer);
      sent.push({ status, right: status === 200 && answer === known.get(index), ms });
    });
    running.add(work);
    void work.finally(() => running.delete(work));
  }, everyMs);
  return {
    sent,
    failed: () => sent.filter(({ status }) => status !== 200).length,
    wrong: () => sent.filter(({ status, right }) => status === 200 && !right).length,
    async stop() {
      clearInterval(timer);
      await Promise.all(running);
      agent.destroy();
    },
  };
}

function classOf(body: string): string {
  if (body.includes("NaN")) return "";
  try {
    const { outputs } = JSON.parse(body) as { outputs: { name: string; data: number[] }[] };
    const data = outputs.find(({ name }) => name === "probabilities")?.data ?? [];
    return data.map((value) => value.toFixed(3)).join();
  } catch {
    return "";
  }
}

function ask(
  agent: Agent,
  url: string,
  image: number[],
): Promise<{ status: number; body: string; ms: number }> {
  const startMs = performance.now();
  const payload = JSON.stringify({
    inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], data: image }],
  });
  return new Promise((resolve) => {
    const done = (status: number, body: string) => resolve({ status, body, ms: performance.now() - startMs });
    const sending = request(
      url,
      {
        method: "POST",
        agent,
        timeout: 10_000,
        headers: { "content-type": "application/json", "content-length": payload.length },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk) => {
          text += chunk;
        });
        answer.on("end", () => done(answer.statusCode ?? 0, text));
        answer.on("error", () => done(0, ""));
      },
    );
    sending.on("timeout", () => sending.destroy());
    sending.on("error", () => done(0, ""));
    sending.end(payload);
  });
}
