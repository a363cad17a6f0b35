import { hash } from "node:crypto";
import { Fault } from "@locum/contracts";
import { z } from "zod";
import { askStore, readBytes, refusal } from "./ask-store.ts";
import type { ObjectStore } from "./open-object-store.ts";

const answerBytesMax = 67_108_864;
const pagesMax = 100_000;

const stored = z.object({ md5Hash: z.string().optional(), generation: z.string() });
const found = z.object({ size: z.string().regex(/^\d{1,16}$/) });
const page = z.object({
  items: z
    .array(
      z.object({
        name: z.string(),
        size: z.string().regex(/^\d{1,16}$/),
        updated: z.iso.datetime({ offset: true }),
      }),
    )
    .default([]),
  nextPageToken: z.string().optional(),
});

/**
 * A bucket of Google Cloud Storage by its JSON API and a bearer token. Its S3 interoperability knows no conditional
 * creation, which the repository stands on; here it is `ifGenerationMatch=0`.
 */
export function openGcsBucket({
  endpoint,
  bucket,
  prefix,
  token,
  timeoutMs = 30_000,
  fetch: fetchNow = fetch,
}: {
  endpoint: string;
  bucket: string;
  /** Empty, or folders with a `/` at the end. */
  prefix: string;
  /** An access token, asked for each request; undefined where the store asks for none. */
  token: () => Promise<string | undefined>;
  timeoutMs?: number;
  fetch?: typeof fetch;
}): Omit<ObjectStore, "get"> {
  const send = askStore({ timeoutMs, fetch: fetchNow });
  const objects = `${endpoint}/storage/v1/b/${encodeURIComponent(bucket)}/o`;
  const at = (key: string): string => `${objects}/${encodeURIComponent(`${prefix}${key}`)}`;
  const ask: typeof send = async (target, { headers = {}, ...init } = {}) => {
    const bearer = await token();
    const authorization: Record<string, string> =
      bearer === undefined ? {} : { authorization: `Bearer ${bearer}` };
    return send(target, { ...init, headers: { ...headers, ...authorization } });
  };
  const refused = (key: string, answer: Response) =>
    refusal(key, answer, {
      word: (text) => /"reason"\s*:\s*"([A-Za-z0-9]{1,64})"/.exec(text)?.[1],
      hint: "The account needs storage.objects.create, get and list, and delete to prune.",
    });
  const jsonOf = async <T>(shape: z.ZodType<T>, answer: Response): Promise<T> => {
    const text = (await readBytes(answer, answerBytesMax)).toString("utf8");
    try {
      return shape.parse(JSON.parse(text));
    } catch (cause) {
      throw new Fault("storage-failed", "the object store's answer is not what its API says", { cause });
    }
  };
  const remove = async (key: string): Promise<void> => {
    const answer = await ask(at(key), { method: "DELETE" });
    if (!answer.ok && answer.status !== 404) throw await refused(key, answer);
    await answer.body?.cancel();
  };

  return {
    async put(key, bytes) {
      const query = new URLSearchParams({
        uploadType: "media",
        name: `${prefix}${key}`,
        ifGenerationMatch: "0",
      });
      const answer = await ask(`${endpoint}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`, {
        method: "POST",
        headers: { "content-type": "application/octet-stream" },
        body: bytes,
      });
      if (answer.status === 412) {
        await answer.body?.cancel();
        return "exists";
      }
      if (!answer.ok) throw await refused(key, answer);
      const { md5Hash } = await jsonOf(stored, answer);
      if (md5Hash === undefined || md5Hash === hash("md5", bytes, "base64")) return "stored";
      // Nothing refers to it yet.
      await remove(key);
      throw new Fault("storage-failed", `${key}: the object store holds other bytes than were sent`);
    },
    async range(key, start, length) {
      const range = `bytes=${start}-${start + Math.max(1, length) - 1}`;
      const answer = await ask(`${at(key)}?alt=media`, { headers: { range } });
      if (answer.status === 404 || answer.status === 416) {
        await answer.body?.cancel();
        return answer.status === 404 ? undefined : Buffer.alloc(0);
      }
      if (!answer.ok) throw await refused(key, answer);
      // A store that knows no ranges, or one of an empty object, sends all of it.
      const bytes = await readBytes(answer, answer.status === 206 ? length + 1 : answerBytesMax);
      return (answer.status === 206 ? bytes : bytes.subarray(start)).subarray(0, length);
    },
    async size(key) {
      const answer = await ask(at(key));
      if (answer.status === 404) {
        await answer.body?.cancel();
        return undefined;
      }
      if (!answer.ok) throw await refused(key, answer);
      return Number((await jsonOf(found, answer)).size);
    },
    async *list(from) {
      let pageToken: string | undefined;
      for (let count = 0; count < pagesMax; count++) {
        const query = new URLSearchParams({
          prefix: `${prefix}${from}`,
          fields: "items(name,size,updated),nextPageToken",
        });
        if (pageToken !== undefined) query.set("pageToken", pageToken);
        const answer = await ask(`${objects}?${query}`);
        if (!answer.ok) throw await refused(from, answer);
        const { items, nextPageToken } = await jsonOf(page, answer);
        for (const { name, size, updated } of items)
          yield { key: name.slice(prefix.length), bytes: Number(size), modifiedMs: Date.parse(updated) };
        if (nextPageToken === undefined) return;
        pageToken = nextPageToken;
      }
    },
    remove,
  };
}
