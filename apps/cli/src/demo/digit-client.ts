import { Agent, request } from "node:http";

export type Answer = { sentMs: number; endMs: number; outcome: "right" | "wrong" | "failed"; detail: string };

export type DigitClient = {
  answers(): readonly Answer[];
  /** Send times of the requests that have no answer yet. */
  waiting(): number[];
  /** Releases whose answers count as right from now on. */
  accept(references: Float64Array[][]): void;
  stop(): void;
};

/** Answers may differ in the last digits between machines; a wrong model differs in the first. */
const toleranceMax = 1e-3;
const requestMs = 10_000;

/**
 * The independent witness of the demo: sends images at a fixed pace whatever happens to earlier ones (open loop), and
 * compares every answer with what the approved models answered before the first fault. It knows nothing of Locum.
 */
export function startDigitClient({
  url,
  images,
  references,
  perSecond = 50,
  nowMs,
}: {
  url: string;
  images: number[][];
  references: Float64Array[][];
  perSecond?: number;
  nowMs: () => number;
}): DigitClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const answers: Answer[] = [];
  const waiting = new Set<{ sentMs: number }>();
  let accepted = references;
  let next = 0;
  const send = async () => {
    const index = next++ % images.length;
    const sentMs = nowMs();
    const open = { sentMs };
    waiting.add(open);
    const { outcome, detail } = await ask(agent, url, images[index] ?? []).then(
      (probabilities) =>
        judge(
          probabilities,
          accepted.flatMap((release) => release[index] ?? []),
        ),
      (error: Error) => ({ outcome: "failed" as const, detail: error.message }),
    );
    waiting.delete(open);
    answers.push({ sentMs, endMs: nowMs(), outcome, detail });
  };
  const startedMs = nowMs();
  const timer = setInterval(() => {
    // The timer may be late on a busy machine; the pace is kept by counting, not by hoping.
    while (next < ((nowMs() - startedMs) * perSecond) / 1000) void send();
  }, 1000 / perSecond);
  return {
    answers: () => answers,
    waiting: () => [...waiting].map(({ sentMs }) => sentMs),
    accept: (references) => {
      accepted = references;
    },
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

function judge(got: number[], expected: Float64Array[]): { outcome: "right" | "wrong"; detail: string } {
  const delta = (reference: Float64Array) =>
    Math.max(...reference.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN))));
  const nearest = Math.min(
    ...expected.map(delta).map((value) => (Number.isNaN(value) ? Number.POSITIVE_INFINITY : value)),
  );
  return nearest <= toleranceMax
    ? { outcome: "right", detail: "" }
    : { outcome: "wrong", detail: `off by ${nearest.toFixed(3)}` };
}

/** One image through the Open Inference Protocol; rejects on anything but a whole answer with status 200. */
export function ask(agent: Agent, url: string, image: number[]): Promise<number[]> {
  const body = JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], data: image }] });
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const sent = request(
      `${url}/v2/models/digits/infer`,
      { method: "POST", agent, headers, timeout: requestMs },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          if (answer.statusCode !== 200) return reject(new Error(`status ${answer.statusCode}`));
          // NaN is no JSON, but Python servers write it, and so does this one: it is an answer, and a wrong one.
          const text = Buffer.concat(chunks)
            .toString()
            .replaceAll(/\bNaN\b/g, "null");
          const { outputs } = JSON.parse(text) as { outputs: { name: string; data: (number | null)[] }[] };
          resolve(
            (outputs.find(({ name }) => name === "probabilities")?.data ?? []).map(
              (value) => value ?? Number.NaN,
            ),
          );
        });
      },
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer")));
    sent.on("error", reject);
    sent.end(body);
  });
}
