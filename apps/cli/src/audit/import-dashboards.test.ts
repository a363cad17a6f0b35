import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
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
const objects = '{"id":"a1"}\n{"id":"a2","title":"模型"}\n';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "locum-dashboards-"));
  for (const folder of ["kibana", "opensearch-dashboards"]) {
    await mkdir(join(root, "deploy", folder), { recursive: true });
    await writeFile(join(root, "deploy", folder, "dashboards.ndjson"), objects);
  }
});
afterEach(() => rm(root, { recursive: true, force: true }));

test.each([
  ["elasticsearch", "kbn-xsrf"],
  ["opensearch", "osd-xsrf"],
] as const)("%s: everything is imported over what is there, with %s", async (family, xsrf) => {
  using server = await startSavedObjects({ xsrf });
  const given = { family, objects: await readDashboards(family, root), authorization: "ApiKey c2VjcmV0" };
  expect(await importDashboards(server.url, given)).toBe(2);
  expect(server.taken.map(({ filename, objects }) => [filename, objects])).toEqual([
    ["dashboards.ndjson", [{ id: "a1" }, { id: "a2", title: "模型" }]],
  ]);
  expect(server.taken[0]?.url).toBe("/api/saved_objects/_import?overwrite=true");
  expect(server.taken[0]?.headers.authorization).toBe("ApiKey c2VjcmV0");
});

test.each(["elasticsearch", "opensearch"] as const)(
  "the dashboards of %s are in the repository",
  async (family) => {
    const text = await readDashboards(family, fileURLToPath(new URL("../../../..", import.meta.url)));
    expect(
      text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)).length,
    ).toBeGreaterThan(8);
  },
);

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
  await expect(importDashboards(server.url, { family: "elasticsearch", objects })).rejects.toMatchObject({
    code,
    message: expect.stringContaining(told),
  });
});

test("nobody there is upstream-unreachable; no files is not-found", async () => {
  const server = await startSavedObjects();
  server[Symbol.dispose]();
  await expect(importDashboards(server.url, { family: "elasticsearch", objects })).rejects.toMatchObject({
    code: "upstream-unreachable",
  });
  await expect(readDashboards("elasticsearch", join(root, "deploy"))).rejects.toMatchObject({
    code: "not-found",
  });
});
