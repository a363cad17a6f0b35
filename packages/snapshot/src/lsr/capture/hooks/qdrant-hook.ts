import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "@locum/contracts";
import { z } from "zod";
import type { HookDriver, HookOf } from "./hook-driver.ts";
import { httpStream } from "./http-stream.ts";
import { readSecret } from "./read-secret.ts";

const answerBytesMax = 1 << 20;
const collectionsMax = 256;

/**
 * The snapshot API of Qdrant, a collection at a time: made, fetched, compared with the size and the SHA-256 that the
 * server names, and removed there again. Its live files are never copied: a copy of them comes back as a dead shard.
 */
export const qdrantHook: HookDriver<HookOf<"qdrant">> = async (hook, { dir, signal }) => {
  const headers = hook.apiKeyFile === undefined ? {} : { "api-key": await readSecret(hook.apiKeyFile) };
  const base = hook.url.replace(/\/+$/, "");
  const ask = (path: string, method: string) => askJson(`${base}${path}`, { method, headers, signal });
  const { version } = serverInfo.parse(await ask("/", "GET"));
  const names = hook.collections.length > 0 ? hook.collections : namesOf(await ask("/collections", "GET"));
  let left = hook.bytesMax;
  for (const name of names) {
    const path = `/collections/${encodeURIComponent(name)}/snapshots`;
    const made = read(created, await ask(`${path}?wait=true`, "POST")).result;
    try {
      left -= await download(`${base}${path}/${encodeURIComponent(made.name)}`, {
        target: join(dir, `${name}.snapshot`),
        expected: made,
        bytesMax: left,
        headers,
        signal,
      });
    } finally {
      // A server whose disk fills with its own snapshots is worse off than before; it may be gone by now.
      await ask(`${path}/${encodeURIComponent(made.name)}?wait=true`, "DELETE").catch(() => {});
    }
  }
  return { version, collections: names.length, bytes: hook.bytesMax - left };
};

/** A name becomes a file's: what could be anything else is refused. */
const SafeName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/);
const serverInfo = z.object({ version: z.string().max(64).catch("") }).catch({ version: "" });
const created = z.object({
  result: z.object({
    name: SafeName,
    size: z.number().int().nonnegative(),
    checksum: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .nullish(),
  }),
});
const listed = z.object({
  result: z.object({ collections: z.array(z.object({ name: SafeName })).max(collectionsMax) }),
});
const namesOf = (answer: unknown): string[] =>
  read(listed, answer).result.collections.map(({ name }) => name);

function read<T>(schema: z.ZodType<T>, answer: unknown): T {
  const { data, error } = schema.safeParse(answer);
  if (data !== undefined) return data;
  const [issue] = error?.issues ?? [];
  throw new Fault("upstream-protocol", `Qdrant: ${issue?.path.join(".")}: ${issue?.message}`);
}

type Ask = { method: string; headers: Record<string, string>; signal: AbortSignal };

async function askJson(url: string, ask: Ask): Promise<unknown> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of httpStream(url, ask)) {
    length += part.length;
    if (length > answerBytesMax)
      throw new Fault(
        "upstream-protocol",
        `expected an answer of at most ${answerBytesMax} bytes, found more`,
      );
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString("utf8"));
  } catch (error) {
    throw new Fault("upstream-protocol", "expected JSON of Qdrant, found something else", { cause: error });
  }
}

async function download(
  url: string,
  {
    target,
    expected,
    bytesMax,
    ...ask
  }: {
    target: string;
    expected: z.infer<typeof created>["result"];
    bytesMax: number;
    headers: Record<string, string>;
    signal: AbortSignal;
  },
): Promise<number> {
  const { size, checksum } = expected;
  if (size > bytesMax)
    throw new Fault("disk-full", `${expected.name} has ${size} bytes, ${bytesMax} are allowed`);
  const file = await open(target, "wx", 0o600);
  const digest = createHash("sha256");
  let length = 0;
  try {
    for await (const part of httpStream(url, { method: "GET", ...ask })) {
      length += part.length;
      if (length > size) break;
      digest.update(part);
      await file.writeFile(part);
    }
  } finally {
    await file.close();
  }
  if (length !== size)
    throw new Fault(
      "upstream-protocol",
      `expected ${size} bytes of ${expected.name}, found ${length > size ? "more" : length}`,
    );
  if (checksum && digest.digest("hex") !== checksum)
    throw new Fault("upstream-protocol", `${expected.name} is not what Qdrant said: its SHA-256 differs`);
  return length;
}
