import { createServer, type Socket } from "node:net";

// The model server of the benches: reads requests with a length and answers each with a small JSON, or with a stream of
// tokens where a completion is asked for, with as little work as possible, so that what is measured is the way to it.
// Prints its port, runs until standard input ends.
const answerBody = JSON.stringify({
  outputs: [{ name: "y", datatype: "FP32", shape: [1, 10], data: Array(10).fill(0.1) }],
});
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${answerBody.length}\r\n\r\n${answerBody}`,
);
const streamHead = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const [tokens, tokenEveryMs] = [10, 50];
const server = createServer((socket) => {
  socket.setNoDelay(true);
  socket.on("error", () => {});
  let head = "";
  let left = 0;
  let streams = false;
  socket.on("data", (chunk: Buffer) => {
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const take = Math.min(left, chunk.length - at);
        left -= take;
        at += take;
        if (left === 0) reply(socket, streams);
        continue;
      }
      const end = chunk.indexOf("\r\n\r\n", at);
      if (end < 0) {
        head += chunk.toString("latin1", at);
        break;
      }
      head += chunk.toString("latin1", at, end);
      streams = head.startsWith("POST /v1/chat/completions");
      left = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
      head = "";
      at = end + 4;
      if (left === 0) reply(socket, streams);
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())));
process.stdin.on("end", () => process.exit(0));
process.stdin.resume();

function reply(socket: Socket, streams: boolean): void {
  if (!streams) return void socket.write(answer);
  socket.write(streamHead);
  let left = tokens;
  const tick = () => {
    left -= 1;
    socket.write(chunk(`data: ${token(`word${left} `, null)}\n\n`));
    if (left > 0) setTimeout(tick, tokenEveryMs);
    else socket.write(`${chunk(`data: ${token("", "stop")}\n\ndata: [DONE]\n\n`)}0\r\n\r\n`);
  };
  tick();
}

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const token = (content: string, finish: string | null): string =>
  JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "tiny",
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
  });
