import { connect } from "node:http2";
import { type LoadResult, openLoop, type Rate } from "./open-loop.ts";

const mib = 1024 * 1024;

/** Unary ModelInfer calls with a raw tensor of one size over one connection. */
export async function grpcLoop({
  port,
  bodyBytes,
  ...rate
}: Rate & { port: number; bodyBytes: number }): Promise<LoadResult> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 8 * mib } });
  session.once("connect", () => session.setLocalWindowSize(16 * mib));
  session.on("error", () => {});
  const frame = requestFrame(bodyBytes);
  const result = await openLoop(rate, (ended) => {
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
    stream.on("close", () => ended(status === "0" ? performance.now() - sentMs : undefined));
    stream.resume();
    stream.end(frame);
  });
  session.destroy();
  return result;
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
