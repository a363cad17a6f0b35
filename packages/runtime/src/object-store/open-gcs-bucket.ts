import { hash, randomBytes } from "node:crypto";
import { Fault } from "@locum/contracts";
import { z } from "zod";
import { answerBytesMax, askStore, rangeHeader, readBytes, readRange, refusal } from "./ask-store.ts";
import type { BucketRequests } from "./with-retries.ts";

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
 * A bucket of Google Cloud Storage by its JSON API and a bearer token. Its S3 interoperability takes
 * `If-None-Match` of a write for granted and writes all the same; here it is `ifGenerationMatch=0`.
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
}): BucketRequests {
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
  const size = async (key: string): Promise<number | undefined> => {
    const answer = await ask(at(key));
    if (answer.status === 404) {
      await answer.body?.cancel();
      return undefined;
    }
    if (!answer.ok) throw await refused(key, answer);
    return Number((await jsonOf(found, answer)).size);
  };

  return {
    async put(key, bytes) {
      const query = new URLSearchParams({ uploadType: "multipart", ifGenerationMatch: "0" });
      const md5Hash = hash("md5", bytes, "base64");
      const { type, body } = related({ name: `${prefix}${key}`, md5Hash }, bytes);
      const answer = await ask(`${endpoint}/upload/storage/v1/b/${encodeURIComponent(bucket)}/o?${query}`, {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      if (answer.status === 412) {
        await answer.body?.cancel();
        return "exists";
      }
      const fault = answer.ok ? undefined : await refused(key, answer);
      // Who may create and not delete may be refused where an object is, before any condition is looked at.
      if (answer.status === 403 && (await size(key)) !== undefined) return "exists";
      if (fault) throw fault;
      await answer.body?.cancel();
      return "stored";
    },
    async range(key, start, length) {
      const answer = await ask(`${at(key)}?alt=media`, { headers: { range: rangeHeader(start, length) } });
      return readRange(answer, { start, length, refused: (refusing) => refused(key, refusing) });
    },
    size,
    async page(from, token) {
      const query = new URLSearchParams({
        prefix: `${prefix}${from}`,
        fields: "items(name,size,updated),nextPageToken",
        ...(token === undefined ? {} : { pageToken: token }),
      });
      const answer = await ask(`${objects}?${query}`);
      if (!answer.ok) throw await refused(from, answer);
      const { items, nextPageToken } = await jsonOf(page, answer);
      return {
        objects: items.flatMap(({ name, size, updated }) =>
          name.startsWith(prefix)
            ? [{ key: name.slice(prefix.length), bytes: Number(size), modifiedMs: Date.parse(updated) }]
            : [],
        ),
        next: nextPageToken,
      };
    },
    async remove(key) {
      const answer = await ask(at(key), { method: "DELETE" });
      if (!answer.ok && answer.status !== 404) throw await refused(key, answer);
      await answer.body?.cancel();
    },
  };
}

/** What is said of an object and the object itself, in one request: the store compares the digest before it keeps it. */
function related(object: { name: string; md5Hash: string }, bytes: Uint8Array) {
  // Random, so that it cannot be in the bytes.
  const boundary = randomBytes(16).toString("hex");
  const head = `--${boundary}\r\ncontent-type: application/json\r\n\r\n${JSON.stringify(object)}\r\n--${boundary}\r\ncontent-type: application/octet-stream\r\n\r\n`;
  return {
    type: `multipart/related; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  };
}
