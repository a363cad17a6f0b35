import { Agent, type IncomingMessage, request } from "node:http";

export type Outcome = "right" | "wrong" | "failed";
export type Answer = { sentMs: number; endMs: number; outcome: Outcome; detail: string };

export type Witness = {
  answers(): readonly Answer[];
  /** Send times of the requests that have no answer yet. */
  waiting(): number[];
  /** Answers of this release count as right too, from now on. */
  accept(references: Float64Array[]): void;
  /** One more request now, beside the pace. */
  sendOne(): void;
  /** Ends the pace, waits for what is owed, closes. */
  end(): Promise<void>;
  /** Ends at once. */
  stop(): void;
};

/** Answers may differ in the last digits between machines; a wrong model differs in the first. */
const toleranceMax = 1e-3;

/**
 * An independent client: sends images at a fixed pace whatever happens to earlier ones (open loop), and compares every
 * answer with what the approved models answered before the first fault. It knows nothing of Locum.
 */
export function startWitness({
  url,
  images,
  references,
  perSecond = 50,
  requestMs = 10_000,
  answersMax = Number.POSITIVE_INFINITY,
}: {
  url: string;
  images: readonly number[][];
  references: Float64Array[];
  /** 0: only `sendOne`. */
  perSecond?: number;
  requestMs?: number;
  /** The newest so many are kept. */
  answersMax?: number;
}): Witness {
  const agent = new Agent({ keepAlive: true, maxSockets: 4096 });
  const accepted = [references];
  const answers: Answer[] = [];
  const owed = new Map<Promise<void>, number>();
  let next = 0;
  const sendOne = () => {
    const index = next++ % images.length;
    const sentMs = performance.now();
    const expected = accepted.flatMap((release) => release[index] ?? []);
    const answered = ask({ agent, url, image: images[index] ?? [], requestMs })
      .then(
        (got) => judge(got, expected),
        (error: Error) => ({ outcome: "failed" as const, detail: error.message }),
      )
      .then((judged) => {
        answers.push({ sentMs, endMs: performance.now(), ...judged });
        if (answers.length > answersMax) answers.shift();
        owed.delete(answered);
      });
    owed.set(answered, sentMs);
  };
  const stopPace = keepPace(sendOne, perSecond);
  return {
    answers: () => answers,
    waiting: () => [...owed.values()],
    accept: (more) => void accepted.push(more),
    sendOne,
    async end() {
      stopPace();
      while (owed.size > 0) await Promise.all(owed.keys());
      agent.destroy();
    },
    stop() {
      stopPace();
      agent.destroy();
    },
  };
}

/** What the model behind a URL answers to every image. */
export async function referenceAnswers(url: string, images: readonly number[][]): Promise<Float64Array[]> {
  const agent = new Agent({ keepAlive: true });
  try {
    const answers: Float64Array[] = [];
    for (const image of images)
      answers.push(Float64Array.from(await ask({ agent, url, image, requestMs: 10_000 })));
    return answers;
  } finally {
    agent.destroy();
  }
}

function keepPace(sendOne: () => void, perSecond: number): () => void {
  if (perSecond <= 0) return () => {};
  const startedMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    // The timer may be late on a busy machine; the pace is kept by counting, not by hoping.
    for (; sent < ((performance.now() - startedMs) * perSecond) / 1000; sent++) sendOne();
  }, 1000 / perSecond);
  return () => clearInterval(timer);
}

function judge(
  got: readonly number[],
  expected: readonly Float64Array[],
): { outcome: Outcome; detail: string } {
  const deltas = expected.map((reference) =>
    Math.max(...reference.map((value, i) => Math.abs(value - (got[i] ?? Number.NaN)))),
  );
  if (deltas.some((delta) => delta <= toleranceMax)) return { outcome: "right", detail: "" };
  return { outcome: "wrong", detail: `off by ${Math.min(...deltas)}` };
}

type Question = { agent: Agent; url: string; image: readonly number[]; requestMs: number };

/** One image through the Open Inference Protocol; rejects on anything but a whole answer with status 200. */
function ask({ agent, url, image, requestMs }: Question): Promise<number[]> {
  const body = JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape: [1, 64], data: image }] });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}/v2/models/digits/infer`,
      { method: "POST", agent, headers, timeout: requestMs },
      (answer) => void readAnswer(answer).then(resolve, reject),
    );
    sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(body);
  });
}

async function readAnswer(answer: IncomingMessage): Promise<number[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}: ${text.slice(0, 100)}`);
  if (!answer.complete) throw new Error("cut short");
  // NaN is no JSON, but Python servers write it, and so does this one: it is an answer, and a wrong one.
  const { outputs } = JSON.parse(text.replaceAll(/\bNaN\b/g, "null")) as {
    outputs: { name: string; data: (number | null)[] }[];
  };
  const probabilities = outputs.find(({ name }) => name === "probabilities")?.data ?? [];
  return probabilities.map((value) => value ?? Number.NaN);
}
