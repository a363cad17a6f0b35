import { openAuditLog } from "../audit-log.ts";
import { openSpool } from "../spool.ts";
import { someEvent } from "./some-event.ts";

/** Appends numbered events from several writers at once and confirms each on standard output, until it is killed. */
const [kind, dir = "", start = "0"] = process.argv.slice(2);
const log = kind === "log" ? await openAuditLog({ dir, segmentBytes: 65_536 }) : undefined;
const spool = kind === "spool" ? await openSpool({ dir }) : undefined;
let next = Number(start);
const write = async (): Promise<void> => {
  for (;;) {
    const mine = next;
    next += 1;
    const event = someEvent({ facts: { mine } });
    const seq = log ? (await log.append([event]))[0]?.seq : await spool?.put(event);
    process.stdout.write(`${seq} ${mine}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, write));
