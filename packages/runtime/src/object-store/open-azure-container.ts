import { hash } from "node:crypto";
import { Fault } from "@locum/contracts";
import { answerBytesMax, askStore, rangeHeader, readBytes, readRange, refusal } from "./ask-store.ts";
import type { ListedObject } from "./list-pages.ts";
import { elementsOf, textOf } from "./read-listing.ts";
import type { BucketRequests } from "./with-retries.ts";

const version = "2021-12-02";

/**
 * A container of Azure Blob Storage, by a shared access signature: it signs nothing here, and can be given the rights that
 * are needed and no others (read, create, list; delete for who prunes). Conditional writes as Put Blob has them
 * (`If-None-Match: *`), which answers 409 and not 412 where the blob is there.
 */
export function openAzureContainer({
  url,
  prefix,
  sas,
  timeoutMs = 30_000,
  fetch: fetchNow = fetch,
}: {
  /** https://account.blob.core.windows.net/container */
  url: string;
  /** Empty, or folders with a `/` at the end. */
  prefix: string;
  /** The signature's query, asked for each request. */
  sas: () => Promise<string>;
  timeoutMs?: number;
  fetch?: typeof fetch;
}): BucketRequests {
  const ask = askStore({ timeoutMs, fetch: fetchNow });
  const blobUrl = async (key: string): Promise<string> =>
    `${url}/${`${prefix}${key}`.split("/").map(encodeURIComponent).join("/")}?${await sas()}`;
  const headers = { "x-ms-version": version };
  const refused = (key: string, answer: Response) =>
    refusal(key, answer, {
      word: (text) => answer.headers.get("x-ms-error-code") ?? textOf(text, "Code"),
      hint: "The signature needs read, create and list, and delete to prune.",
    });
  const size = async (key: string): Promise<number | undefined> => {
    const answer = await ask(await blobUrl(key), { method: "HEAD", headers });
    await answer.body?.cancel();
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw await refused(key, answer);
    return Number(answer.headers.get("content-length"));
  };

  return {
    async put(key, bytes) {
      const md5 = hash("md5", bytes, "base64");
      const more = { "x-ms-blob-type": "BlockBlob", "if-none-match": "*", "content-md5": md5 };
      const answer = await ask(await blobUrl(key), {
        method: "PUT",
        headers: { ...headers, ...more, "content-type": "application/octet-stream" },
        body: bytes,
      });
      const word = answer.headers.get("x-ms-error-code");
      if (answer.status === 412 || (answer.status === 409 && word === "BlobAlreadyExists")) {
        await answer.body?.cancel();
        return "exists";
      }
      const fault = answer.ok ? undefined : await refused(key, answer);
      // Who may create and not write is refused where a blob is, before any condition is looked at.
      if (answer.status === 403 && (await size(key)) !== undefined) return "exists";
      if (fault) throw fault;
      await answer.body?.cancel();
      return "stored";
    },
    async range(key, start, length) {
      const range = { "x-ms-range": rangeHeader(start, length) };
      const answer = await ask(await blobUrl(key), { headers: { ...headers, ...range } });
      return readRange(answer, { start, length, refused: (refusing) => refused(key, refusing) });
    },
    size,
    async page(from, token) {
      const query = new URLSearchParams({ restype: "container", comp: "list", prefix: `${prefix}${from}` });
      if (token !== undefined) query.set("marker", token);
      const answer = await ask(`${url}?${query}&${await sas()}`, { headers });
      if (!answer.ok) throw await refused(from, answer);
      const xml = (await readBytes(answer, answerBytesMax)).toString("utf8");
      const objects = blobsOf(xml).flatMap(({ key, ...rest }) =>
        key.startsWith(prefix) ? [{ key: key.slice(prefix.length), ...rest }] : [],
      );
      return { objects, next: textOf(xml, "NextMarker") || undefined };
    },
    async remove(key) {
      const answer = await ask(await blobUrl(key), { method: "DELETE", headers });
      if (!answer.ok && answer.status !== 404) throw await refused(key, answer);
      await answer.body?.cancel();
    },
  };
}

/** @throws Fault storage-failed */
function blobsOf(xml: string): ListedObject[] {
  // With its end: what lacks one may lack blobs.
  if (!/<EnumerationResults[\s>]/.test(xml) || !xml.includes("</EnumerationResults>"))
    throw new Fault("storage-failed", "the object store sent no listing");
  return elementsOf(xml, "Blob").map((inner) => {
    const [key, size, modified] = ["Name", "Content-Length", "Last-Modified"].map((name) =>
      textOf(inner, name),
    );
    const [bytes, modifiedMs] = [Number(size), Date.parse(modified ?? "")];
    if (key === undefined || !Number.isSafeInteger(bytes) || bytes < 0 || Number.isNaN(modifiedMs))
      throw new Fault(
        "storage-failed",
        "the object store sent a listing with a blob that has no name or size",
      );
    return { key, bytes, modifiedMs };
  });
}
