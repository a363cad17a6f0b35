import { startChild } from "../../up/start-child.ts";

// Starts a child and does nothing more: for seeing what becomes of the child when this one is killed.
const child = startChild({ file: process.argv[2] ?? "", args: [], onLog: () => undefined });
process.stdout.write(`${JSON.stringify(await child.line)}\n`);
setInterval(() => undefined, 60_000);
