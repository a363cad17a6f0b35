import { hash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openAzureContainer } from "./open-azure-container.ts";
import { openBucket } from "./open-bucket.ts";
import { openGcsBucket } from "./open-gcs-bucket.ts";
import { gcsTokens, readSas } from "./read-token.ts";

type Seen = { url: string; method: string; headers: Headers; body: string };

/** Stands for the network: what was asked, and the answers in turn. */
function network(...answers: (() => Response)[]) {
  const seen: Seen[] = [];
  const ask: typeof fetch = async (input, init) => {
    const request = new Request(input as string, init);
    const { url, method, headers } = request;
    seen.push({ url, method, headers, body: await request.text() });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (!answer) throw new Error("nobody is there");
    return answer();
  };
  return { seen, fetch: ask };
}

const azure = (fetch: typeof globalThis.fetch) =>
  openAzureContainer({
    url: "https://acme0.blob.example/models",
    prefix: "a/",
    sas: async () => "sv=1&sig=secret",
    fetch,
  });
const google = (fetch: typeof globalThis.fetch) =>
  openGcsBucket({
    endpoint: "https://storage.example",
    bucket: "models",
    prefix: "a/",
    token: async () => "secret",
    fetch,
  });

test("Azure is asked to write only what is not there, and told the digest", async () => {
  const net = network(() => new Response(null, { status: 201 }));
  expect(await azure(net.fetch).put("refs/m/1", Buffer.from("one"))).toBe("stored");
  const [put] = net.seen;
  expect(put?.url).toBe("https://acme0.blob.example/models/a/refs/m/1?sv=1&sig=secret");
  expect(put?.headers.get("if-none-match")).toBe("*");
  expect(put?.headers.get("content-md5")).toBe(hash("md5", "one", "base64"));
  expect(put?.body).toBe("one");
});

test("Google is asked to write only what is not there, and told the digest", async () => {
  const net = network(() => Response.json({}));
  expect(await google(net.fetch).put("refs/m/1", Buffer.from("one"))).toBe("stored");
  const [put] = net.seen;
  expect(put?.url).toContain("/upload/storage/v1/b/models/o?uploadType=multipart&ifGenerationMatch=0");
  expect(put?.headers.get("authorization")).toBe("Bearer secret");
  const [, boundary = ""] = /boundary=(\w+)/.exec(put?.headers.get("content-type") ?? "") ?? [];
  const [, head = "", object = ""] = put?.body.split(`--${boundary}`) ?? [];
  expect(JSON.parse(head.split("\r\n\r\n")[1] ?? "")).toEqual({
    name: "a/refs/m/1",
    md5Hash: hash("md5", "one", "base64"),
  });
  expect(object.split("\r\n\r\n")[1]).toBe("one\r\n");
});

test.for<[string, number, string | undefined, string]>([
  ["azure", 409, "BlobAlreadyExists", "exists"],
  ["azure", 412, "ConditionNotMet", "exists"],
  ["azure", 409, "ContainerBeingDeleted", "conflict"],
  ["azure", 403, "AuthorizationPermissionMismatch", "not-authorised"],
  ["azure", 503, "ServerBusy", "storage-failed"],
  ["google", 412, undefined, "exists"],
  ["google", 401, undefined, "not-authorised"],
  ["google", 429, undefined, "storage-failed"],
])("%s: a put that is answered %i %s ends as %s", async ([store, status, word, ended]) => {
  const headers: Record<string, string> = word === undefined ? {} : { "x-ms-error-code": word };
  const net = network(() => new Response("secret", { status, headers }));
  const requests = (store === "azure" ? azure : google)(net.fetch);
  const found: unknown = await requests.put("k", Buffer.from("x")).catch((thrown) => thrown);
  if (ended === "exists") expect(found).toBe(ended);
  else {
    expect(found).toMatchObject({ code: ended, message: expect.stringContaining(`${status}`) });
    expect((found as Error).message).not.toContain("secret");
  }
});

test.for(["azure", "google"])(
  "%s: who may create and not replace is refused where something is, and nowhere else",
  async (store) => {
    const open = store === "azure" ? azure : google;
    const no = () => new Response(null, { status: 403 });
    const there = network(no, () =>
      store === "azure"
        ? new Response(null, { headers: { "content-length": "3" } })
        : Response.json({ size: "3" }),
    );
    expect(await open(there.fetch).put("k", Buffer.from("x"))).toBe("exists");
    const free = network(no, () => new Response(null, { status: 404 }));
    const put = open(free.fetch).put("k", Buffer.from("x"));
    await expect(put).rejects.toMatchObject({ code: "not-authorised" });
  },
);

test("listings hold what is below the prefix, and say how they go on", async () => {
  const blob = (name: string) =>
    `<Blob><Name>${name}</Name><Properties><Last-Modified>Fri, 02 Jan 2026 03:04:05 GMT</Last-Modified><Content-Length>7</Content-Length></Properties></Blob>`;
  const xml = `<EnumerationResults><Blobs>${blob("a/p/1")}${blob("other")}</Blobs><NextMarker>m&amp;n</NextMarker></EnumerationResults>`;
  const modifiedMs = Date.parse("2026-01-02T03:04:05Z");
  const objects = [{ key: "p/1", bytes: 7, modifiedMs }];
  const first = network(() => new Response(xml));
  expect(await azure(first.fetch).page("p/", undefined)).toEqual({ objects, next: "m&n" });
  expect(new URL(first.seen[0]?.url ?? "").searchParams.get("prefix")).toBe("a/p/");
  const item = (name: string) => ({ name, size: "7", updated: "2026-01-02T03:04:05.000Z" });
  const json = { items: [item("a/p/1"), item("other")], nextPageToken: "m&n" };
  const second = network(() => Response.json(json));
  expect(await google(second.fetch).page("p/", "t")).toEqual({ objects, next: "m&n" });
  expect(new URL(second.seen[0]?.url ?? "").searchParams.get("pageToken")).toBe("t");
});

test("whatever is sent for a listing is one, or a fault", async () => {
  const text = fc.oneof(
    fc.string(),
    fc.string().map((inner) => `<EnumerationResults><Blob>${inner}</Blob></EnumerationResults>`),
    fc.json(),
  );
  await fc.assert(
    fc.asyncProperty(text, async (sent) => {
      const net = network(() => new Response(sent));
      for (const store of [azure(net.fetch), google(net.fetch)])
        try {
          await store.page("", undefined);
        } catch (error) {
          expect(error).toMatchObject({ code: "storage-failed" });
        }
    }),
  );
  const cut = network(() => new Response("<EnumerationResults><Blobs></Blobs>"));
  await expect(azure(cut.fetch).page("", undefined)).rejects.toMatchObject({ code: "storage-failed" });
});

test("a shared access signature is read from a file, else from the environment, and never shown", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-sas-"));
  const file = join(dir, "sas");
  await writeFile(file, "?sv=1&sig=abc\n", { mode: 0o600 });
  const env = (name: string) => (name === "AZURE_STORAGE_SAS_TOKEN" ? "sv=2&sig=def" : undefined);
  expect(await readSas(file, env)).toBe("sv=1&sig=abc");
  expect(await readSas(undefined, env)).toBe("sv=2&sig=def");
  await expect(readSas(undefined, () => "AccountKey=secret")).rejects.toMatchObject({
    code: "config-invalid",
    message: expect.not.stringContaining("secret"),
  });
  await rm(dir, { recursive: true });
});

test("the machine's own token is asked for once, until it is about to end", async () => {
  let asked = 0;
  const net = network(() =>
    Response.json({ access_token: `t${++asked}`, expires_in: asked === 1 ? 3600 : 30 }),
  );
  const token = gcsTokens(undefined, () => undefined, { isLocal: false, fetch: net.fetch });
  expect([await token(), await token()]).toEqual(["t1", "t1"]);
  expect(net.seen[0]?.headers.get("metadata-flavor")).toBe("Google");
  const short = gcsTokens(undefined, () => undefined, { isLocal: false, fetch: net.fetch });
  expect([await short(), await short()]).toEqual(["t2", "t3"]);
});

test("without a token there is a fault that says how to give one; a store on loopback needs none", async () => {
  const none = () => undefined;
  const net = network();
  await expect(gcsTokens(undefined, none, { isLocal: false, fetch: net.fetch })()).rejects.toMatchObject({
    code: "not-authorised",
    hint: expect.stringContaining("GOOGLE_OAUTH_ACCESS_TOKEN"),
  });
  expect(await gcsTokens(undefined, none, { isLocal: true, fetch: net.fetch })()).toBeUndefined();
  expect(await gcsTokens(undefined, () => "given", { isLocal: false, fetch: net.fetch })()).toBe("given");
});

test.for(["azure", "gs"] as const)("%s: no token travels in the clear", (scheme) => {
  const place = { scheme, bucket: "models", folders: [], region: "", credentialsFile: undefined };
  const open = (endpoint: string) => openBucket({ ...place, endpoint, env: () => undefined });
  expect(() => open("http://store.example")).toThrow(/expected https/);
  expect(() => open("http://127.0.0.1:1")).not.toThrow();
});
