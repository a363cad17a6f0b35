import { createServer, type RequestListener } from "node:http";
import { afterEach, expect, test } from "vitest";
import { requestJson } from "./http-json.ts";
import { listen } from "./listen.ts";

const open: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  open.push(server);
  return (await listen(server, "127.0.0.1:0")).url;
}

test("sends JSON and gives status and JSON back, whatever the status", async () => {
  const url = await serve((request, answer) => {
    answer.statusCode = 409;
    request.pipe(answer);
  });
  const { status, body } = await requestJson({ url, method: "POST", body: { a: [1, "\u00e9"] } });
  expect({ status, body }).toEqual({ status: 409, body: { a: [1, "\u00e9"] } });
});

test("an answer without a body has none", async () => {
  const url = await serve((_, answer) => void answer.writeHead(204).end());
  expect((await requestJson({ url })).body).toBeUndefined();
});

test.each<[string, RequestListener, string]>([
  ["not JSON", (_, answer) => void answer.end("<html>"), "upstream-protocol"],
  ["an endless body", (_, answer) => void answer.write("x".repeat(5000)), "upstream-protocol"],
  ["silence", () => {}, "upstream-timeout"],
  ["a cut answer", (_, answer) => void answer.write("{", () => answer.destroy()), "upstream-unreachable"],
])("%s is a fault", async (_, listener, code) => {
  const url = await serve(listener);
  await expect(requestJson({ url, timeoutMs: 300, bytesMax: 1000 })).rejects.toMatchObject({ code });
});

test("nobody there is a fault", async () => {
  const url = await serve(() => {});
  const server = open.pop();
  await new Promise((resolve) => server?.close(resolve));
  await expect(requestJson({ url })).rejects.toMatchObject({ code: "upstream-unreachable" });
});
