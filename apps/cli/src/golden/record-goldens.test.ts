import { matchGolden } from "@locum/coordination";
import { connect } from "@locum/serving";
import { expect, test } from "vitest";
import { type FakeOpenai, startFakeOpenai } from "../testing/fake-openai-server.ts";
import { readRequests } from "./read-requests.ts";
import { recordGoldens } from "./record-goldens.ts";

const messages = [
  { role: "system", content: "Be brief." },
  { role: "user", content: "Hi" },
];

async function record(servers: readonly FakeOpenai[], requests: unknown = [{ messages }]) {
  const instances = servers.map(({ url }, at) => ({
    id: "abc"[at] ?? "z",
    server: connect({ url, protocol: "openai" }),
    maxConcurrency: 4,
  }));
  try {
    return await recordGoldens({
      instances,
      requests: readRequests(requests, "in.json"),
      models: [],
      timeoutMs: 5000,
    });
  } finally {
    for (const { server } of instances) server.close();
  }
}

const hello = { words: ["hel", "lo"], logprob: -0.5 };

test("a golden of text holds words exactly and log-probabilities within a band", async () => {
  await using a = await startFakeOpenai((_, asked) => ({ ...hello, logprob: -0.5 + (asked % 2) * 0.004 }));
  await using b = await startFakeOpenai(() => hello);
  const { goldens, configuration } = await record([a, b]);
  expect(Object.keys(configuration)).toEqual(["m"]);
  expect(goldens[0]).toMatchObject({ model: "m", request: { messages, temperature: 0, logprobs: true } });
  const expected = goldens[0]?.expected ?? [];
  const exact = { abs: 0, rel: 0 };
  expect(expected).toMatchObject([
    { name: "text", data: ["hello"], tolerance: exact },
    { name: "finish_reason", data: ["length"], tolerance: exact },
    { name: "tokens", data: ["hel", "lo"], tolerance: exact },
    { name: "logprobs", tolerance: { abs: 0.05, rel: 0 } },
    { name: "model", data: ["m"], tolerance: exact },
    { name: "prompt_tokens", data: ["Be brief. Hi".length], tolerance: exact },
  ]);
  const moved = (by: number) =>
    expected.map((output) =>
      output.name === "logprobs"
        ? { ...output, data: output.data.map((value) => Number(value) + by) }
        : output,
    );
  expect(matchGolden(moved(0.04), expected).pass).toBe(true);
  expect(matchGolden(moved(0.06), expected).pass).toBe(false);
});

test("the band grows with what was seen to vary", async () => {
  await using a = await startFakeOpenai((_, asked) => ({ ...hello, logprob: -0.5 + (asked % 2) * 0.04 }));
  const { goldens } = await record([a]);
  const band = goldens[0]?.expected.find(({ name }) => name === "logprobs")?.tolerance.abs;
  expect(band).toBeCloseTo(0.16);
});

test("a server that refuses log-probabilities is asked without, and so is its neighbour", async () => {
  await using a = await startFakeOpenai(() => hello);
  await using b = await startFakeOpenai(() => ({ words: hello.words }));
  const { goldens } = await record([a, b]);
  expect(goldens[0]?.request).not.toHaveProperty("logprobs");
  expect(goldens[0]?.expected.map(({ name }) => name)).not.toContain("logprobs");
});

test("a golden ends before a token that another one almost was", async () => {
  const words = ["a", "b", "c", "d"];
  await using a = await startFakeOpenai(() => ({ words, logprob: -0.5, next: [-2, -2, -0.55, -3] }));
  const { goldens } = await record([a]);
  expect(goldens[0]?.request).toMatchObject({ max_tokens: 2 });
  const expected = goldens[0]?.expected ?? [];
  expect(expected.find(({ name }) => name === "tokens")?.data).toEqual(["a", "b"]);
  expect(expected.map(({ name }) => name)).not.toContain("runner_up");
  await using b = await startFakeOpenai(() => ({ words, logprob: -0.5, next: [-0.5, -2, -2, -2] }));
  await expect(record([b])).rejects.toMatchObject({
    code: "golden-unstable",
    message: expect.stringContaining("in.json[0]"),
  });
});

test.for<[string, (prompt: string, asked: number) => { words: string[]; logprob?: number }, string]>([
  ["other words each time", (_, asked) => ({ ...hello, words: ["w", `${asked}`] }), "golden-unstable"],
  [
    "more words now and then",
    (_, asked) => ({ ...hello, words: Array(1 + (asked % 2)).fill("w") }),
    "golden-unstable",
  ],
  ["certainty that jumps", (_, asked) => ({ ...hello, logprob: -0.5 - (asked % 2) }), "golden-unstable"],
])("%s prove nothing", async ([, answer, code]) => {
  await using a = await startFakeOpenai(answer);
  await expect(record([a])).rejects.toMatchObject({ code });
});

test("a system prompt of its own makes a golden of its own", async () => {
  await using a = await startFakeOpenai(() => hello);
  const other = [{ role: "system", content: "Be kind." }, messages[1]];
  const { goldens } = await record([a], [{ messages }, { messages: other }]);
  expect(new Set(goldens.map(({ id }) => id)).size).toBe(2);
});
