import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openObjectStore } from "./open-object-store.ts";
import { readObjectCredentials } from "./read-object-credentials.ts";

const secret = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";
const credentials = async () => ({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: secret });
const kept = new Map<string, Buffer>();
const heads: IncomingMessage["headers"][] = [];
let status = 0;
let url: string;

/** What an S3 store does with these two calls. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  heads.push(request.headers);
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const path = decodeURIComponent(request.url ?? "");
  if (status > 0) {
    response.writeHead(status).end(`<Error><Code>SlowDown</Code><Message>${secret}</Message></Error>`);
  } else if (request.method === "GET") {
    const found = kept.get(path);
    response.writeHead(found ? 200 : 404).end(found);
  } else if (kept.has(path) && request.headers["if-none-match"] === "*") response.writeHead(412).end();
  else {
    kept.set(path, Buffer.concat(chunks));
    response.writeHead(200).end();
  }
}
const server = createServer((request, response) => void answer(request, response));

beforeEach(async () => {
  kept.clear();
  heads.length = 0;
  status = 0;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/bucket/some/prefix/`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test("puts once, signed, with its length and hash, and gives back what is there", async () => {
  const store = openObjectStore({ url, region: "eu-central-1", credentials });
  expect(await store.put("s/a b/1.ndjson", Buffer.from("one\n"))).toBe("stored");
  expect(await store.put("s/a b/1.ndjson", Buffer.from("two\n"))).toBe("exists");
  expect([...kept.keys()]).toEqual(["/bucket/some/prefix/s/a b/1.ndjson"]);
  expect((await store.get("s/a b/1.ndjson"))?.toString()).toBe("one\n");
  expect(await store.get("s/none")).toBeUndefined();
  expect(heads[0]).toMatchObject({
    authorization: expect.stringMatching(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request/,
    ),
    "if-none-match": "*",
    "content-length": "4",
    "x-amz-content-sha256": "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806",
  });
});

test.each([
  [403, "not-authorised"],
  [409, "conflict"],
  [503, "storage-failed"],
])("an answer of %i is a fault that names the store's word and no secret", async (code, fault) => {
  status = code;
  const store = openObjectStore({ url, region: "us-east-1", credentials });
  const error: unknown = await store.put("key", Buffer.from("x")).catch((thrown) => thrown);
  expect(error).toMatchObject({ code: fault, message: expect.stringContaining("SlowDown") });
  expect(String((error as Error).message)).not.toContain(secret);
});

test("nobody there, or a store that redirects, is a fault", async () => {
  const nobody = openObjectStore({ url: "http://127.0.0.1:1/b", region: "r", credentials });
  await expect(nobody.put("key", Buffer.from("x"))).rejects.toMatchObject({ code: "storage-failed" });
  status = 307;
  const store = openObjectStore({ url, region: "us-east-1", credentials });
  await expect(store.get("key")).rejects.toMatchObject({ code: "storage-failed" });
});

test("credentials come from the default profile of a file, else from the environment", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-credentials-"));
  const file = join(dir, "credentials");
  await writeFile(
    file,
    "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = id\naws_secret_access_key=key\naws_session_token = t\n",
  );
  const env = { AWS_ACCESS_KEY_ID: "e", AWS_SECRET_ACCESS_KEY: "f" };
  expect(await readObjectCredentials(file, env)).toEqual({
    accessKeyId: "id",
    secretAccessKey: "key",
    sessionToken: "t",
  });
  expect(await readObjectCredentials(undefined, env)).toEqual({ accessKeyId: "e", secretAccessKey: "f" });
  await expect(readObjectCredentials(undefined, {})).rejects.toMatchObject({ code: "config-invalid" });
  await expect(readObjectCredentials(join(dir, "none"), env)).rejects.toMatchObject({
    code: "config-invalid",
  });
  await rm(dir, { recursive: true });
});
