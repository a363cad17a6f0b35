import { z } from "zod";
import { tensorsMax } from "./tensor.ts";
import { Unparsed } from "./unparsed.ts";

const index = z.object({ weight_map: z.record(z.string(), z.string().max(4096)) });

/**
 * Of a sharded model's `*.index.json`: which file beside it holds which tensor. A tree whose shards disagree with it
 * is torn or has swapped names, although each shard parses. @throws Unparsed
 */
export function parseShardIndex(text: string): Map<string, string> {
  const { weight_map } = index.parse(JSON.parse(text));
  const pairs = Object.entries(weight_map);
  if (pairs.length > tensorsMax) throw new Unparsed(`${pairs.length} tensors`);
  for (const [, file] of pairs)
    if (file.includes("/") || file.includes("\\") || file === "..")
      throw new Unparsed(`a shard named ${file}`);
  return new Map(pairs);
}
