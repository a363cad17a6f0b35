import type { Peer } from "./peer.ts";

const healthMsMax = 400;

/** What the server says of itself, asked as its own health checks are: one line a question. */
export async function peerHealth(peer: Peer): Promise<string[]> {
  return Promise.all(questions(peer).map(async ([what, url]) => `${what} ${await answerOf(url)}`));
}

function questions({ name, url, management, model }: Peer): [string, string][] {
  if (name === "openai") return [["/v1/models", `${url}/v1/models`]];
  if (name === "torchserve")
    return [
      ["/ping", `${url}/ping`],
      ["worker", `${management}/models/${model}`],
    ];
  return [
    ["live", `${url}/v2/health/live`],
    ["ready", `${url}/v2/health/ready`],
    ["model", `${url}/v2/models/${model}/ready`],
  ];
}

async function answerOf(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(healthMsMax) });
    const said = await answer.text();
    const word = /"status": *"(\w+)"/.exec(said)?.[1];
    return word ? `${answer.status} ${word}` : String(answer.status);
  } catch (error) {
    return (error as Error).name === "TimeoutError" ? "no answer" : "refused";
  }
}
