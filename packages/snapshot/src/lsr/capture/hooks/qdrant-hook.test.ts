import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type HookOutcome, runHooks } from "./run-hooks.ts";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-qdrant-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function withServer<T>(listener: RequestListener, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const bytes = Buffer.from("vectors of a collection".repeat(500));
const made = {
  name: "papers-1.snapshot",
  size: bytes.length,
  creation_time: "2026-01-01T00:00:00",
  checksum: createHash("sha256").update(bytes).digest("hex"),
};

/** A server with two collections; `change` puts another answer in the place of one of its own. */
function qdrant(
  change: (call: string) => { status?: number; body?: string | Buffer } | undefined = () => undefined,
) {
  const calls: string[] = [];
  const keys = new Set<unknown>();
  const listener: RequestListener = (request, response) => {
    const call = `${request.method} ${request.url?.replace(/\?wait=true$/, "")}`;
    calls.push(call);
    keys.add(request.headers["api-key"]);
    const other = change(call);
    response.statusCode = other?.status ?? 200;
    response.end(other?.body ?? answerTo(call));
  };
  return { listener, calls, keys };
}

function answerTo(call: string): string | Buffer {
  if (call === "GET /") return JSON.stringify({ title: "qdrant", version: "1.15.4" });
  if (call === "GET /collections")
    return JSON.stringify({
      result: { collections: [{ name: "papers" }, { name: "images" }] },
      status: "ok",
    });
  if (call.startsWith("POST ")) return JSON.stringify({ result: made, status: "ok" });
  if (call.startsWith("DELETE ")) return JSON.stringify({ result: true, status: "ok" });
  return bytes;
}

const run = (url: string, more: object = {}): Promise<HookOutcome[]> =>
  runHooks(
    [{ kind: "qdrant", name: "vectors", url, collections: [], timeoutMs: 60_000, bytesMax: 1e9, ...more }],
    { dir },
  );

test("every collection is made, fetched, checked, and removed from the server again", async () => {
  const { listener, calls, keys } = qdrant();
  const apiKeyFile = join(dir, "key");
  await writeFile(apiKeyFile, "hunter2\n", { mode: 0o600 });
  const outcomes = await withServer(listener, (url) => run(`${url}/`, { apiKeyFile }));
  expect(outcomes).toEqual([
    {
      name: "vectors",
      kind: "qdrant",
      outcome: "copied",
      identity: { version: "1.15.4", collections: 2, bytes: 2 * bytes.length },
    },
  ]);
  expect((await readdir(join(dir, "vectors"))).sort()).toEqual(["images.snapshot", "papers.snapshot"]);
  expect(await readFile(join(dir, "vectors", "papers.snapshot"))).toEqual(bytes);
  expect(calls.filter((call) => call.startsWith("DELETE"))).toEqual([
    "DELETE /collections/papers/snapshots/papers-1.snapshot",
    "DELETE /collections/images/snapshots/papers-1.snapshot",
  ]);
  expect([...keys]).toEqual(["hunter2"]);
});

const hostile: Record<
  string,
  [call: RegExp, answer: { status?: number; body?: string | Buffer }, code: string]
> = {
  "an error": [/^POST/, { status: 500 }, "upstream-refused"],
  "a redirect": [/^POST/, { status: 302 }, "upstream-refused"],
  "no JSON": [/^POST/, { body: "<html>" }, "upstream-protocol"],
  "a name that leads out": [
    /^POST/,
    { body: JSON.stringify({ result: { ...made, name: "../../etc/passwd" } }) },
    "upstream-protocol",
  ],
  "a collection that leads out": [
    /^GET \/collections$/,
    { body: JSON.stringify({ result: { collections: [{ name: "../x" }] } }) },
    "upstream-protocol",
  ],
  "a size beyond the limit": [
    /^POST/,
    { body: JSON.stringify({ result: { ...made, size: 2e9 } }) },
    "disk-full",
  ],
  "fewer bytes": [/snapshots\/papers/, { body: bytes.subarray(1) }, "upstream-protocol"],
  "more bytes": [/snapshots\/papers/, { body: Buffer.concat([bytes, bytes]) }, "upstream-protocol"],
  "other bytes": [/snapshots\/papers/, { body: Buffer.alloc(bytes.length) }, "upstream-protocol"],
  "an endless answer": [/^GET \/collections$/, { body: Buffer.alloc(3 << 20, " ") }, "upstream-protocol"],
};

describe.for(Object.entries(hostile))("%s", ([, [pattern, answer, code]]) => {
  test("is a failure with its code, and nothing is left", async () => {
    const { listener } = qdrant((call) => (pattern.test(call) ? answer : undefined));
    const [outcome] = await withServer(listener, (url) => run(url));
    expect(outcome).toMatchObject({ outcome: "failed", code });
    expect(await readdir(dir)).toEqual([]);
  });
});

test("a server that never answers, or is not there, is told", async () => {
  const [slow] = await withServer(
    () => {},
    (url) => run(url, { timeoutMs: 100 }),
  );
  expect(slow).toMatchObject({ outcome: "failed", code: "upstream-timeout" });
  const gone = await withServer(
    () => {},
    async (url) => url,
  );
  expect(await run(gone)).toMatchObject([{ outcome: "failed", code: "upstream-unreachable" }]);
});

test("whatever a server answers is a copy or a failure with a code", async () => {
  let answer = "";
  const { listener } = qdrant((call) =>
    /^(POST|GET \/collections)/.test(call) ? { body: answer } : undefined,
  );
  await withServer(listener, (url) =>
    fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string(), fc.constant('{"result":{}}')), async (body) => {
        answer = body;
        expect(await run(url)).toMatchObject([{ outcome: "failed", code: "upstream-protocol" }]);
      }),
      { numRuns: 40 },
    ),
  );
});
