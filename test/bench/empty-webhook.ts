import { createServer } from "node:https";
import { someSet } from "@locum/injector/some-set";
import { listen } from "@locum/runtime";

// A program of its own: the least that any webhook costs. It allows everything and looks at nothing but the uid; on the
// path /patch it gives the patch of its first argument, whatever the pod.
const [patch] = process.argv.slice(2);
const { cert, key, authorities } = await someSet();
const server = createServer({ cert, key }, (request, response) => {
  let text = "";
  request.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  request.on("end", () => {
    const uid = /"uid":"([^"]+)"/.exec(text)?.[1];
    const answer = {
      apiVersion: "admission.k8s.io/v1",
      kind: "AdmissionReview",
      response: {
        uid,
        allowed: true,
        ...(request.url?.startsWith("/patch") ? { patchType: "JSONPatch", patch } : {}),
      },
    };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
});
server.keepAliveTimeout = 180_000;
const { url } = await listen(server, "127.0.0.1:0", { tls: true });
process.stdout.write(`${JSON.stringify({ url, caBundle: Buffer.from(authorities).toString("base64") })}\n`);
