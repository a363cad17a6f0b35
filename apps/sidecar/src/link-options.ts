import { streamVersion } from "@locum/contracts";
import type { LinkOptions } from "./adapters/collector-link.ts";
import type { SpoolPump } from "./adapters/spool-pump.ts";
import type { AppDeps } from "./app.ts";
import type { Drive } from "./drive.ts";
import type { FrameReceiver } from "./receive-frames.ts";
import type { ReleaseShelf } from "./release-shelf.ts";
import type { Reporting } from "./reporting.ts";

type Known = {
  incarnation: string;
  shelf: ReleaseShelf;
  frames: FrameReceiver;
  drive: Drive;
  reporting: Reporting;
  pump: SpoolPump;
};

/** How this sidecar speaks to its collector; null where it has none. */
export function linkOptions(
  { config, token, collectorCa, witness, log, random }: AppDeps,
  { incarnation, shelf, frames, drive, reporting, pump }: Known,
): LinkOptions | null {
  if (config.collector === null) return null;
  return {
    url: config.collector.url,
    token,
    ca: collectorCa,
    hello: () => ({
      kind: "hello",
      version: streamVersion,
      service: config.service.service,
      instance: config.instance.id,
      incarnation,
      releases: shelf.approved().map(({ digest }) => digest),
      ...(witness ? { witness: witness.key } : {}),
    }),
    events: {
      // In this order: who we are, how we are, then what was not told yet.
      opened(welcome) {
        frames.receive(welcome);
        drive.put({ kind: "linked", open: true });
        reporting.beat();
        pump.opened();
      },
      closed: () => drive.put({ kind: "linked", open: false }),
      frame: frames.receive,
    },
    log,
    random,
  };
}
