import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { importDashboards, readDashboards } from "./import-dashboards.ts";

type Taken = { url: string; headers: IncomingHttpHeaders; objects: object[]; filename: string | undefined };

/** As much of Kibana and OpenSearch Dashboards as an import touches: multipart, the header against forgery, the body. */
async function startSavedObjects({
  xsrf = "kbn-xsrf",
  answer,
}: {
  xsrf?: string;
  answer?: [number, string];
} = {}) {
  const taken: Taken[] = [];
  const http = createServer(async (request, response) => {
    const body = (await request.toArray()).map(String).join("");
    const say = (status: number, text: string) => response.writeHead(status).end(text);
    if (answer) return say(...answer);
    if (request.headers[xsrf] === undefined)
      return say(400, JSON.stringify({ statusCode: 400, message: `Request must contain a ${xsrf} header.` }));
    const [, boundary] = /boundary=(.+)$/.exec(request.headers["content-type"] ?? "") ?? [];
    const [, head = "", file = ""] =
      new RegExp(`^--${boundary}\r\n([^]*?)\r\n\r\n([^]*)\r\n--${boundary}--\r\n$`).exec(body) ?? [];
    const [, filename] = /name="file"; filename="(.+?)"/.exec(head) ?? [];
    const objects = file
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    taken.push({ url: request.url ?? "", headers: request.headers, objects, filename });
    say(200, JSON.stringify({ success: true, successCount: objects.length }));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    taken,
    [Symbol.dispose]: () => void http.close(),
  };
}

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "locum-dashboards-"));
  for (const folder of ["kibana", "opensearch-dashboards"]) {
    await mkdir(join(root, "deploy", folder), { recursive: true });
    await writeFile(join(root, "deploy", folder, "b.ndjson"), '{"id":"b"}\n');
    await writeFile(join(root, "deploy", folder, "a.ndjson"), '{"id":"a1"}\n{"id":"a2","title":"模型"}\n');
    await writeFile(join(root, "deploy", folder, "README.md"), "not one of them");
  }
});
afterEach(() => rm(root, { recursive: true, force: true }));

test.each([
  ["elasticsearch", "kbn-xsrf"],
  ["opensearch", "osd-xsrf"],
] as const)("%s: every file is imported over what is there, with %s", async (family, xsrf) => {
  using server = await startSavedObjects({ xsrf });
  const files = await readDashboards(family, root);
  expect(await importDashboards(server.url, { family, files, authorization: "ApiKey c2VjcmV0" })).toBe(3);
  expect(server.taken.map(({ filename, objects }) => [filename, objects])).toEqual([
    ["a.ndjson", [{ id: "a1" }, { id: "a2", title: "模型" }]],
    ["b.ndjson", [{ id: "b" }]],
  ]);
  expect(server.taken[0]?.url).toBe("/api/saved_objects/_import?overwrite=true");
  expect(server.taken[0]?.headers.authorization).toBe("ApiKey c2VjcmV0");
});

test.each([
  [[401, "{}"], "not-authenticated", "401"],
  [[403, "{}"], "not-authorised", "403"],
  [[404, "<html>"], "upstream-refused", "status 404"],
  [[200, '{"success":true}'], "upstream-refused", "status 200"],
  [
    [
      200,
      '{"success":false,"successCount":1,"errors":[{"id":"x","type":"lens","error":{"type":"missing_references"}}]}',
    ],
    "upstream-refused",
    "lens x: missing_references (1 not taken)",
  ],
] as const)("%j is %s", async ([status, text], code, told) => {
  using server = await startSavedObjects({ answer: [status, text] });
  const files = await readDashboards("elasticsearch", root);
  await expect(importDashboards(server.url, { family: "elasticsearch", files })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(told),
  });
});

test("nobody there is upstream-unreachable; no files is not-found", async () => {
  const server = await startSavedObjects();
  server[Symbol.dispose]();
  const files = await readDashboards("elasticsearch", root);
  await expect(importDashboards(server.url, { family: "elasticsearch", files })).rejects.toMatchObject({
    code: "upstream-unreachable",
  });
  await expect(readDashboards("elasticsearch", join(root, "deploy"))).rejects.toMatchObject({
    code: "not-found",
  });
});
