import { posix } from "node:path";
import type { ByteSource } from "../byte-source.ts";
import { checkTensors } from "./check-tensors.ts";
import { parseGguf } from "./parse-gguf.ts";
import { parseOnnx } from "./parse-onnx.ts";
import { parseSafetensors } from "./parse-safetensors.ts";
import { parseTorchZip } from "./parse-torch-zip.ts";
import { parseVariablesIndex } from "./parse-variables-index.ts";
import type { Tensor } from "./tensor.ts";

export type Parser = "safetensors" | "gguf" | "onnx" | "torch" | "savedmodel";
/** `content` is what no parser claims, `fallback` what one claimed and could not read. */
export type FileTensors =
  | { parser: Parser; tensors: Tensor[] }
  | { parser: "content" | "fallback"; tensors: [] };

export type ModelFile = { path: string; source: ByteSource };

/**
 * The tensors of every file of a model. A file that does not parse, whatever the reason, is chunked by content: a
 * parser's failure is never a snapshot's. Only a source that cannot be read rejects.
 */
export async function mapTensors(files: readonly ModelFile[]): Promise<Map<string, FileTensors>> {
  const sizes = new Map(files.map(({ path, source }) => [path, source.size]));
  const found = new Map<string, FileTensors>();
  const claim = (path: string, parser: Parser, tensors: Tensor[]): void => {
    const size = sizes.get(path);
    if (size !== undefined)
      found.set(
        path,
        orFallback(() => ({ parser, tensors: checkTensors(tensors, size) })),
      );
  };
  for (const { path, source } of files) {
    const parser = parserOf(path);
    if (!parser) continue;
    const claims = await parsers[parser](source, path).catch((error: unknown) => {
      if (isReadFault(error)) throw error;
      return undefined;
    });
    if (!claims) found.set(path, fallback);
    for (const [target, tensors] of claims ?? []) claim(target, parser, tensors);
  }
  for (const { path } of files) if (!found.has(path)) found.set(path, { parser: "content", tensors: [] });
  return found;
}

const fallback = { parser: "fallback", tensors: [] } as const satisfies FileTensors;

function orFallback(make: () => FileTensors): FileTensors {
  try {
    return make();
  } catch {
    return fallback;
  }
}

/** An errno of the system is no matter of the format. */
const isReadFault = (error: unknown): boolean =>
  error instanceof Error && "code" in error && typeof error.code === "string" && /^E[A-Z]+$/.test(error.code);

function parserOf(path: string): Parser | undefined {
  if (/\.safetensors$/i.test(path)) return "safetensors";
  if (/\.gguf$/i.test(path)) return "gguf";
  if (/\.onnx$/i.test(path)) return "onnx";
  if (/\.(pt|pth|bin|ckpt)$/i.test(path)) return "torch";
  if (posix.basename(path) === "variables.index") return "savedmodel";
  return undefined;
}

type Claims = [path: string, tensors: Tensor[]][];
const parsers: Record<Parser, (source: ByteSource, path: string) => Promise<Claims>> = {
  safetensors: async (source, path) => [[path, await parseSafetensors(source)]],
  gguf: async (source, path) => [[path, await parseGguf(source)]],
  torch: async (source, path) => [[path, await parseTorchZip(source)]],
  async onnx(source, path) {
    const { inside, outside } = await parseOnnx(source);
    const beside = [...outside].map(([location, tensors]): Claims[number] => [
      posix.join(posix.dirname(path), location),
      tensors,
    ]);
    return [[path, inside], ...beside];
  },
  async savedmodel(source, path) {
    const shards = await parseVariablesIndex(source);
    const total = String(Math.max(0, ...shards.keys()) + 1).padStart(5, "0");
    return [...shards].map(([shard, tensors]) => [
      posix.join(posix.dirname(path), `variables.data-${String(shard).padStart(5, "0")}-of-${total}`),
      tensors,
    ]);
  },
};
