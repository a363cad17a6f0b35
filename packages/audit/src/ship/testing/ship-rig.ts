import { sealLine } from "../../seal-record.ts";
import { createMemoryLogFs } from "../../testing/memory-log-fs.ts";
import { someEvent } from "../../testing/some-event.ts";
import { openShipper, type Shipper, type ShipperOptions } from "../open-shipper.ts";
import type { ShipNote } from "../ship-note.ts";
import type { createScriptedServer } from "./scripted-server.ts";
import { createVirtualClock } from "./virtual-clock.ts";

/** A log in memory, a disk in memory and a clock that nobody waits for, around one server. */
export function createShipRig(
  server: ReturnType<typeof createScriptedServer>,
  { seed = 1 }: { seed?: number } = {},
) {
  const lines: string[] = [];
  let link = { seq: -1, hash: "0".repeat(64) };
  const append = (event: Parameters<typeof someEvent>[0]): void => {
    const { record, line } = sealLine(someEvent(event), link);
    link = record;
    lines.push(line);
  };
  const disk = createMemoryLogFs();
  const clock = createVirtualClock();
  const notes: ShipNote[] = [];
  let state = seed;
  const random = {
    next(): number {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return state / 2 ** 32;
    },
  };
  const options: ShipperOptions = {
    dir: "/ship",
    logId: "log",
    async *lines(first) {
      yield* lines.slice(first);
    },
    head: () => ({ seq: lines.length - 1 }),
    server: server.server,
    reader: server.server,
    namespace: "default",
    clock,
    random,
    say: () => {},
    async note(note) {
      notes.push(note);
      append({ kind: note.kind, reason: note.reason, facts: note.facts });
    },
    fs: disk.fs,
  };
  return {
    server,
    lines,
    disk,
    clock,
    notes,
    random,
    fill(count: number, event: Parameters<typeof someEvent>[0] = {}): void {
      for (let index = 0; index < count; index += 1) append({ facts: { index: lines.length }, ...event });
    },
    async end(shipper: Shipper): Promise<void> {
      await shipper.close();
      clock.stop();
    },
    open: (changes: Partial<ShipperOptions> = {}): Promise<Shipper> =>
      openShipper({ ...options, ...changes }),
  };
}
