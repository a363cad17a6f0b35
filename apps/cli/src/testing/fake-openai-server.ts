import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

type Request = { messages: { content: string }[]; logprobs?: boolean; max_tokens: number };
export type FakeOpenai = AsyncDisposable & { url: string };

/**
 * A server of the OpenAI API with one model `m`, whose words are a function of the prompt and of how often it was
 * asked. `logprob` is that of every word; undefined refuses to tell, as some servers do. `next`: of the candidate beside
 * each word.
 */
export async function startFakeOpenai(
  answer: (prompt: string, asked: number) => { words: string[]; logprob?: number; next?: number[] },
): Promise<FakeOpenai> {
  let asked = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const reply = (code: number, body: unknown) => {
        response.writeHead(code, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      };
      if (request.url === "/v1/models") return reply(200, { data: [{ id: "m", owned_by: "me" }] });
      if (request.url !== "/v1/chat/completions") return reply(404, { detail: "Not Found" });
      const {
        messages,
        logprobs,
        max_tokens: limit,
      } = JSON.parse(Buffer.concat(chunks).toString()) as Request;
      asked += 1;
      const prompt = messages.map(({ content }) => content).join(" ");
      const { words: all, logprob, next } = answer(prompt, asked);
      const words = all.slice(0, limit);
      if (logprobs && logprob === undefined) return reply(400, { error: { message: "no logprobs here" } });
      const content = words.map((token, at) => ({
        token,
        logprob,
        ...(next ? { top_logprobs: [{ token: "other", logprob: next[at] }] } : {}),
      }));
      reply(200, {
        model: "m",
        choices: [
          {
            index: 0,
            message: { content: words.join("") },
            finish_reason: "length",
            ...(logprobs ? { logprobs: { content } } : {}),
          },
        ],
        usage: { prompt_tokens: prompt.length, completion_tokens: words.length },
      });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
