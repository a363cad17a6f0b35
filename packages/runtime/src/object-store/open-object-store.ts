import { hash } from "node:crypto";
import { Fault, type FaultCode } from "@locum/contracts";
import { AwsClient } from "aws4fetch";
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
};

const answerBytesMax = 67_108_864;

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
}): ObjectStore {
  const request = async (
    method: "GET" | "PUT",
    key: string,
    body?: Uint8Array<ArrayBuffer>,
  ): Promise<Response> => {
    const client = new AwsClient({ ...(await credentials()), region, service: "s3", retries: 0 });
    const target = `${url.replace(/\/+$/, "")}/${key.split("/").map(encodeURIComponent).join("/")}`;
    const headers = {
      "x-amz-content-sha256": hash("sha256", body ?? ""),
      ...(method === "PUT" ? { "if-none-match": "*", "content-type": "application/octet-stream" } : {}),
    };
    const given = body === undefined ? {} : { body };
    const signed = await client.sign(target, { method, headers, ...given });
    try {
      return await ask(signed.url, {
        method,
        headers: signed.headers,
        ...given,
        redirect: "error",
        signal: AbortSignal.timeout(timeoutMs),
      });
    } catch (cause) {
      throw new Fault("storage-failed", `${target}: no answer from the object store`, { cause });
    }
  };
  return {
    async put(key, bytes) {
      const answer = await request("PUT", key, Buffer.from(bytes));
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
  };
}

const codeOf = (status: number): FaultCode =>
  status === 401 || status === 403 ? "not-authorised" : status === 409 ? "conflict" : "storage-failed";

/** The store's own word for what is wrong; nothing else of its answer is passed on. */
async function refusal(key: string, answer: Response): Promise<Fault> {
  const text = (await readBytes(answer, 65_536).catch(() => Buffer.alloc(0))).toString("utf8");
  const [, word = ""] = /<Code>([A-Za-z0-9.]{1,64})<\/Code>/.exec(text) ?? [];
  return new Fault(
    codeOf(answer.status),
    `${key}: the object store answered ${answer.status} ${word}`.trimEnd(),
    answer.status === 403 ? { hint: "Its credentials need s3:PutObject, and s3:GetObject to read." } : {},
  );
}

async function readBytes(answer: Response, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of answer.body ?? []) {
    length += chunk.length;
    if (length > bytesMax)
      throw new Fault(
        "body-too-large",
        `expected at most ${bytesMax} bytes from the object store, found more`,
      );
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
