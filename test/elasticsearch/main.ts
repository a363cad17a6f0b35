// The double as a process of its own: `node main.ts [FAMILY] [SCRIPT as JSON]` prints one JSON line with its URL. What
// a test calls in its own process is ordered on a second port. It ends when its standard input does.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Family } from "./family.ts";
import { readText } from "./http-wire.ts";
import type { Block, Mishap } from "./mishap.ts";
import { startDouble } from "./start-double.ts";

const [family = "elasticsearch-9", script = "[]"] = process.argv.slice(2);
const double = await startDouble({
  family: family as Family,
  script: JSON.parse(script) as Mishap[],
  keep: "digest",
});

const orders: Record<string, (text: string) => unknown> = {
  "/script": (text) => double.script(...(JSON.parse(text) as Mishap[])),
  "/rollover": () => double.rollover(),
  "/block": (text) => double.block(JSON.parse(text) as Block),
  "/calm": () => double.calm(),
  "/account": (text) => double.account(text.split("\n").filter(Boolean)),
  "/requests": () => double.requests(),
};
const control = createServer(async (incoming, response) => {
  const order = orders[incoming.url ?? ""];
  const text = await readText(incoming);
  try {
    if (!order || text === undefined) throw new Error("no such order, or more than it takes");
    const result = order(text) ?? null;
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(result));
  } catch (error) {
    response.writeHead(400).end((error as Error).message);
  }
});
await new Promise<void>((resolve) => control.listen(0, "127.0.0.1", resolve));
const { port } = control.address() as AddressInfo;
console.log(JSON.stringify({ url: double.url, control: `http://127.0.0.1:${port}`, pid: process.pid }));

process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
