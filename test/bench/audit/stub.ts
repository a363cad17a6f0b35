// Answers every bulk request as if all were well, as fast as it can, and knows nothing: node stub.ts prints its URL.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const idOf = /^\{"create":\{[^\n]*?"_id":"([^"]+)"/gm;
const server = createServer(async (request, response) => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  response.setHeader("content-type", "application/json");
  response.setHeader("x-elastic-product", "Elasticsearch");
  if (!request.url?.includes("_bulk")) {
    response.end(
      JSON.stringify({
        data_streams: [{ name: "logs-locum.audit-default" }],
        version: { number: "9.5.3" },
      }),
    );
    return;
  }
  const items = [...Buffer.concat(parts).toString("utf8").matchAll(idOf)].map(
    ([, id]) => `{"create":{"_id":"${id}","_index":".ds-x-000001","status":201}}`,
  );
  response.end(`{"errors":false,"took":1,"items":[${items.join(",")}]}`);
}).listen(0, "127.0.0.1", () => {
  process.stdout.write(
    `${JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })}\n`,
  );
});
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
