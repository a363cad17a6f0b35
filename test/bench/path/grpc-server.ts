import { createServer, type ServerHttp2Stream } from "node:http2";

// A gRPC server for measuring: answers every call, when its request has come, with one small ModelInferResponse.
// HTTP/2 with prior knowledge; prints its port, runs until standard input ends.
const field = (tag: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([tag, bytes.length]), bytes]);
const tensor = Buffer.concat([
  field(0x0a, Buffer.from("y")),
  field(0x12, Buffer.from("FP32")),
  field(0x1a, Buffer.from([1, 10])),
]);
const message = Buffer.concat([
  field(0x0a, Buffer.from("digits")),
  field(0x2a, tensor),
  field(0x32, Buffer.from(Float32Array.from({ length: 10 }, () => 0.1).buffer)),
]);
const frame = Buffer.alloc(5 + message.length);
frame.writeUInt32BE(message.length, 1);
message.copy(frame, 5);

const server = createServer({ settings: { initialWindowSize: 8 * 1024 * 1024 } });
server.on("session", (session) => session.setLocalWindowSize(16 * 1024 * 1024));
server.on("stream", (stream: ServerHttp2Stream) => {
  stream.on("error", () => {});
  stream.resume();
  stream.on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(frame);
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())));
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();
