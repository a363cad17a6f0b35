import { createServer } from "node:net";

// A program as `locum up` starts them: listens on the address given (port 0 at first), says where, ends on SIGTERM.
const [address = "127.0.0.1:0"] = process.argv.slice(2);
const [host, port] = address.split(":");
const server = createServer((socket) => socket.end(`${process.pid}\n`));
server.listen(Number(port), host, () => {
  const bound = server.address();
  if (bound && typeof bound === "object")
    process.stdout.write(`${JSON.stringify({ address: `${host}:${bound.port}`, pid: process.pid })}\n`);
});
server.on("error", (error) => {
  console.error(JSON.stringify({ level: "error", error: `conflict: ${address}: ${error.message}` }));
  process.exit(11);
});
process.on("SIGTERM", () => process.exit(0));
