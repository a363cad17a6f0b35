import { describe, expect, it, test } from "vitest";
import { curl } from "../servers/curl.ts";
import { framed } from "../servers/grpc-client.ts";
import { type PeerName, peerMissing } from "../servers/peer.ts";
import { tappedPeer } from "../servers/tapped-peer.ts";

const json = ["--header", "content-type: application/json"];
const stdin = ["--data-binary", "@-"];

for (const name of ["triton", "openai"] as const) {
  const missing = peerMissing(name);
  if (missing) test.skip(`curl and ${name}: ${missing}`, () => undefined);
  else describe(`curl and a real ${name}`, () => cases(name));
}

function cases(name: PeerName): void {
  const at = tappedPeer(name);

  const asked: Record<string, () => Promise<{ path: string; args: readonly string[]; input?: Buffer }>> = {
    GET: async () => ({ path: name === "openai" ? "/v1/models" : "/v2", args: ["--http1.1"] }),
    "a POST": async () => ({ ...(await work()), args: ["--http1.1", ...json, ...stdin] }),
    "HTTP/1.0": async () => ({ ...(await work()), args: ["--http1.0", ...json, ...stdin] }),
    "an offer of HTTP/2": async () => ({ ...(await work()), args: ["--http2", ...json, ...stdin] }),
    "Expect: 100-continue": async () => ({
      ...(await work()),
      args: ["--header", "expect: 100-continue", ...json, ...stdin],
    }),
    "a large body, for which it expects by itself": async () => ({
      ...(await work({ padding: 2_000_000 })),
      args: [...json, ...stdin],
    }),
    "a compressed answer": async () => ({ ...(await work()), args: ["--compressed", ...json, ...stdin] }),
    "in chunks": async () => ({
      ...(await work()),
      args: ["--header", "transfer-encoding: chunked", ...json, ...stdin],
    }),
    "an upload": async () => ({
      ...(await work()),
      args: ["--request", "POST", "--upload-file", "-", ...json],
    }),
    "broken JSON": async () => ({ ...(await work()), input: Buffer.from("{"), args: [...json, ...stdin] }),
    "a path that it lacks": async () => ({ path: "/nothing?with=query", args: ["--fail-with-body"] }),
  };

  const work = async ({ padding = 0 } = {}) => {
    const data = (await at.peer.inputs())[0];
    const value = data
      ? { id: "1", inputs: [{ name: "x", datatype: "FP32", shape: [1, 64], data }] }
      : { model: at.peer.model, prompt: "Once", temperature: 0, max_tokens: 4 };
    const path = data ? `/v2/models/${at.peer.model}/infer` : "/v1/completions";
    return { path, input: Buffer.from(JSON.stringify(value) + " ".repeat(padding)) };
  };

  it.each(Object.entries(asked))("%s is the same through the tap as directly", async (_name, ask) => {
    const { path, args, input } = await ask();
    const from = async (url: string) => {
      // The version in a status line is that of who wrote it, not of the request (RFC 9110, 2.5).
      const { version: _, ...said } = await curl([...args, `${url}${path}`], input ? { input } : {});
      return {
        ...said,
        body: said.body.replaceAll(/("created":\d+|"id":"cmpl-[\w-]+"|"request_id[^}]*)/g, ""),
      };
    };
    const direct = await from(at.peer.url);
    expect(direct.exit).toBeLessThan(23);
    expect(await from(at.tap)).toEqual(direct);
  });

  if (name === "triton") {
    it("gRPC by hand, with HTTP/2 from the first byte, is the same through the tap as directly", async () => {
      const args = ["--http2-prior-knowledge", "--header", "content-type: application/grpc"];
      const path = "/inference.GRPCInferenceService/ServerReady";
      const from = (address: string | undefined) =>
        curl([...args, "--header", "te: trailers", ...stdin, `http://${address}${path}`], {
          input: framed(Buffer.alloc(0)),
        });
      const direct = await from(at.peer.grpc);
      expect(direct).toMatchObject({
        exit: 0,
        status: "200",
        version: "2",
        headers: { "content-type": "application/grpc" },
      });
      expect(await from(new URL(at.tap).host)).toEqual(direct);
    });
    return;
  }

  const streamed = (url: string, onData: (chunk: Buffer) => void) => {
    const value = { model: at.peer.model, prompt: "Once", temperature: 0, max_tokens: 300, stream: true };
    const args = ["--no-buffer", ...json, ...stdin, `${url}/v1/completions`];
    return curl(args, { input: Buffer.from(JSON.stringify(value)), onData });
  };

  it("a stream comes piece by piece, and whole", async () => {
    const from = async (url: string) => {
      let pieces = 0;
      const { exit, body } = await streamed(url, () => (pieces += 1));
      const text = [...body.matchAll(/"text": ?"([^"]*)"/g)].map(([, piece]) => piece).join("");
      return { exit, text, done: body.trimEnd().endsWith("data: [DONE]"), inPieces: pieces > 20 };
    };
    const direct = await from(at.peer.url);
    expect(direct).toMatchObject({ exit: 0, done: true, inPieces: true });
    expect(await from(at.tap)).toEqual(direct);
  });

  it("a server that is killed amid a stream: curl fails, and no end is written", async () => {
    let pieces = 0;
    const { exit, body } = await streamed(at.tap, () => {
      pieces += 1;
      if (pieces === 5) at.peer.signal("SIGKILL");
    });
    // 18: transferred a part of it; 56: the connection was reset.
    expect([18, 56]).toContain(exit);
    expect(body).not.toContain("[DONE]");
    expect(body).toContain('"error"');
  });
}
