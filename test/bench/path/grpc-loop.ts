import { connect } from "node:http2";
import type { LoadResult } from "./http-loop.ts";

const mib = 1024 * 1024;

/** Unary ModelInfer calls with a raw tensor of one size over one connection, at a fixed rate whatever the answers do. */
export function grpcLoop({
  port,
  bodyBytes,
  perSecond,
  seconds,
}: {
  port: number;
  bodyBytes: number;
  perSecond: number;
  seconds: number;
}): Promise<LoadResult> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 8 * mib } });
  session.once("connect", () => session.setLocalWindowSize(16 * mib));
  session.on("error", () => {});
  const frame = requestFrame(bodyBytes);
  const total = Math.round(perSecond * seconds);
  const result: LoadResult = { latenciesMs: [], failed: 0 };
  return new Promise((resolve) => {
    let [sent, done] = [0, 0];
    const startedMs = performance.now();
    const end = (latencyMs: number | undefined) => {
      done += 1;
      if (latencyMs === undefined) result.failed += 1;
      else result.latenciesMs.push(latencyMs);
      if (done < total) return;
      session.destroy();
      resolve(result);
    };
    const call = () => {
      const sentMs = performance.now();
      const stream = session.request({
        ":method": "POST",
        ":path": "/inference.GRPCInferenceService/ModelInfer",
        "content-type": "application/grpc",
        te: "trailers",
      });
      let status: unknown;
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.on("response", (head) => {
        status ??= head["grpc-status"];
      });
      stream.on("error", () => {});
      stream.on("close", () => end(status === "0" ? performance.now() - sentMs : undefined));
      stream.resume();
      stream.end(frame);
    };
    const tick = () => {
      const due = Math.min(total, Math.floor(((performance.now() - startedMs) / 1000) * perSecond));
      for (; sent < due; sent += 1) call();
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
}

/** One length-prefixed ModelInferRequest: model_name, one FP32 input, its bytes in raw_input_contents. */
function requestFrame(bodyBytes: number): Buffer {
  const field = (tag: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
  const count = Math.floor(bodyBytes / 4);
  const input = Buffer.concat([
    field(0x0a, Buffer.from("x")),
    field(0x12, Buffer.from("FP32")),
    field(0x1a, varint(count)),
  ]);
  const message = Buffer.concat([
    field(0x0a, Buffer.from("digits")),
    field(0x2a, input),
    field(0x3a, Buffer.alloc(count * 4)),
  ]);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.from([...bytes, left]);
}
