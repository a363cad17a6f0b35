import { hash } from "node:crypto";
import type { Fault } from "@locum/contracts";
import { AwsClient } from "aws4fetch";
import {
  answerBytesMax,
  askStore,
  rangeHeader,
  readBytes,
  readRange,
  refusal as refusalOf,
} from "./ask-store.ts";
import { type ListedObject, type ListPage, listPages } from "./list-pages.ts";
import { readListing, textOf } from "./read-listing.ts";
import type { ObjectCredentials } from "./read-object-credentials.ts";

/** An S3-compatible store, as far as Locum writes to one. Nothing is ever overwritten and nothing is tried twice. */
export type ObjectStore = {
  /**
   * `exists`: something is there under this key, which may be these bytes from an earlier try.
   * @throws Fault not-authorised | storage-failed | conflict
   */
  put(key: string, bytes: Uint8Array): Promise<"stored" | "exists">;
  /** Undefined where there is none. @throws Fault not-authorised | storage-failed | body-too-large */
  get(key: string): Promise<Buffer | undefined>;
  /** `length` bytes from `start`, fewer where it ends before that; undefined where there is none. */
  range(key: string, start: number, length: number): Promise<Buffer | undefined>;
  /** In bytes; undefined where there is none. */
  size(key: string): Promise<number | undefined>;
  /** What begins with `prefix`. */
  list(prefix: string): AsyncIterable<ListedObject>;
  /** Nothing is there afterwards. */
  remove(key: string): Promise<void>;
};

export function openObjectStore({
  url,
  region,
  credentials,
  timeoutMs = 30_000,
  fetch: ask = fetch,
}: {
  /** https://host/bucket/prefix */
  url: string;
  region: string;
  /** Asked for each request. */
  credentials: () => Promise<ObjectCredentials>;
  timeoutMs?: number;
  fetch?: typeof fetch;
}): ObjectStore & { page: ListPage } {
  const root = url.replace(/\/+$/, "");
  const send = signed({ region, credentials, ask: askStore({ timeoutMs, fetch: ask }) });
  const request = async (
    method: "GET" | "HEAD" | "PUT" | "DELETE",
    key: string,
    { body, more = {} }: { body?: Uint8Array; more?: Record<string, string> } = {},
  ): Promise<Response> =>
    send(`${root}/${key.split("/").map(encodeURIComponent).join("/")}`, method, {
      ...(body === undefined ? {} : { body }),
      more: {
        ...more,
        ...(method === "PUT" ? { "if-none-match": "*", "content-type": "application/octet-stream" } : {}),
      },
    });
  const page = pageOf(root, (target) => send(target, "GET", { more: {} }));
  return {
    async put(key, bytes) {
      const answer = await request("PUT", key, { body: bytes });
      // 412: it is there. 409: another writer of the same key is at it, which ends with it being there.
      if (answer.status === 412) {
        await answer.body?.cancel();
        return "exists";
      }
      if (!answer.ok) throw await refusal(key, answer);
      await answer.body?.cancel();
      return "stored";
    },
    async get(key) {
      const answer = await request("GET", key);
      if (answer.status === 404) {
        await answer.body?.cancel();
        return undefined;
      }
      if (!answer.ok) throw await refusal(key, answer);
      return readBytes(answer, answerBytesMax);
    },
    async range(key, start, length) {
      const answer = await request("GET", key, { more: { range: rangeHeader(start, length) } });
      return readRange(answer, { start, length, refused: (refusing) => refusal(key, refusing) });
    },
    async size(key) {
      const answer = await request("HEAD", key);
      await answer.body?.cancel();
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw await refusal(key, answer);
      return Number(answer.headers.get("content-length"));
    },
    page,
    list: (prefix) => listPages(page, prefix),
    async remove(key) {
      const answer = await request("DELETE", key);
      if (!answer.ok && answer.status !== 404) throw await refusal(key, answer);
      await answer.body?.cancel();
    },
  };
}

type Signing = {
  region: string;
  credentials: () => Promise<ObjectCredentials>;
  ask: ReturnType<typeof askStore>;
};

/** Signed as S3 asks (Signature Version 4), with the body's hash. */
const signed =
  ({ region, credentials, ask }: Signing) =>
  async (
    target: string,
    method: string,
    { body, more }: { body?: Uint8Array; more: Record<string, string> },
  ): Promise<Response> => {
    const client = new AwsClient({ ...(await credentials()), region, service: "s3", retries: 0 });
    const headers = { "x-amz-content-sha256": hash("sha256", body ?? ""), ...more };
    // By the hash, without a copy of the body.
    const request = await client.sign(target, { method, headers });
    const given = body === undefined ? {} : { body };
    return ask(request.url, { method, headers: Object.fromEntries(request.headers), ...given });
  };

const refusal = (key: string, answer: Response): Promise<Fault> =>
  refusalOf(key, answer, {
    word: (text) => textOf(text, "Code")?.slice(0, 64),
    hint: "Its credentials need s3:PutObject, and s3:GetObject to read.",
  });

/** ListObjectsV2 of the bucket in the URL's path; keys are told below the URL's own prefix. */
function pageOf(root: string, ask: (target: string) => Promise<Response>): ListPage {
  const { origin, pathname } = new URL(root);
  const [bucket = "", ...folders] = decodeURIComponent(pathname).split("/").filter(Boolean);
  const base = folders.length > 0 ? `${folders.join("/")}/` : "";
  return async (prefix, token) => {
    const query = new URLSearchParams({ "list-type": "2", prefix: `${base}${prefix}` });
    if (token !== undefined) query.set("continuation-token", token);
    const answer = await ask(`${origin}/${encodeURIComponent(bucket)}?${query}`);
    if (!answer.ok) throw await refusal(prefix, answer);
    const { objects, next } = readListing((await readBytes(answer, answerBytesMax)).toString("utf8"));
    const below = objects.filter(({ key }) => key.startsWith(base));
    return { objects: below.map((each) => ({ ...each, key: each.key.slice(base.length) })), next };
  };
}
