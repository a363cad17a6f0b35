import type { Peer } from "./peer.ts";

export type PeerRequest = { path: string; body: Record<string, unknown> };

/** Requests of the peer's own protocol, that a right model answers alike each time and a wrong one otherwise. */
export async function peerRequests(peer: Peer, count = 16): Promise<PeerRequest[]> {
  const { name, model } = peer;
  if (name === "openai")
    return words.slice(0, count).map((word) => ({
      path: "/v1/chat/completions",
      body: {
        model,
        messages: [{ role: "user", content: `Say ${word}.` }],
        temperature: 0,
        seed: 1,
        max_tokens: 8,
      },
    }));
  const inputs = (await peer.inputs()).slice(0, count);
  if (name === "torchserve")
    return inputs.map((input) => ({ path: `/predictions/${model}`, body: { instances: [input] } }));
  return inputs.map((data) => ({
    path: `/v2/models/${model}/infer`,
    body: { id: "1", inputs: [{ name: "x", datatype: "FP32", shape: [1, 64], data }] },
  }));
}

const words = ["tree", "river", "stone", "cloud", "seven", "green", "north", "bread"];
