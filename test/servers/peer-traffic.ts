import { passed } from "../stack/until.ts";
import { httpClient } from "./http-client.ts";
import type { PeerRequest } from "./peer-requests.ts";

export type PeerAnswer = { sentMs: number; endMs: number; outcome: "right" | "wrong" | "failed" };
export type PeerTraffic = { answers(): readonly PeerAnswer[]; stop(): Promise<void> };

const lastAnswersMs = 5_000;

/** What a right server answers to each request, without what it makes up for each answer. */
export type References = readonly string[];

export async function referencesOf(url: string, requests: readonly PeerRequest[]): Promise<References> {
  const client = httpClient(url);
  try {
    const references: string[] = [];
    for (const request of requests) {
      const { status, text } = await ask(client, request);
      if (status !== 200) throw new Error(`${request.path}: ${status} ${text.slice(0, 200)}`);
      references.push(text);
    }
    return references;
  } finally {
    client.close();
  }
}

/** An independent client: sends at a fixed rate, whatever comes back, and holds each answer against what is right. */
export function sendPeerTraffic({
  url,
  requests,
  references,
  everyMs,
}: {
  url: string;
  requests: readonly PeerRequest[];
  references: References;
  everyMs: number;
}): PeerTraffic {
  const client = httpClient(url, { sockets: 64 });
  const answers: PeerAnswer[] = [];
  const running = new Set<Promise<void>>();
  let next = 0;
  const send = async (): Promise<void> => {
    const at = next++ % requests.length;
    const request = requests[at];
    if (!request) return;
    const sentMs = performance.now();
    const outcome = await ask(client, request).then(
      ({ status, text }): PeerAnswer["outcome"] =>
        status !== 200 ? "failed" : text === references[at] ? "right" : "wrong",
      (): PeerAnswer["outcome"] => "failed",
    );
    answers.push({ sentMs, endMs: performance.now(), outcome });
  };
  const timer = setInterval(() => {
    const sent = send();
    running.add(sent);
    void sent.finally(() => running.delete(sent));
  }, everyMs);
  return {
    answers: () => answers,
    async stop() {
      clearInterval(timer);
      // What is on its way still gets its answer; what gets none in this time has failed.
      await Promise.race([Promise.all(running), passed(lastAnswersMs)]);
      client.close();
      await Promise.all(running);
    },
  };
}

async function ask(
  client: ReturnType<typeof httpClient>,
  { path, body }: PeerRequest,
): Promise<{ status: number; text: string }> {
  const answer = await client.send({
    method: "POST",
    path,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = answer.body
    .toString("utf8")
    .replace(/"created": ?\d+/g, "")
    .replace(/"id": ?"[\w-]+"/g, "");
  return { status: answer.status, text };
}
