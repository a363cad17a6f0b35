import type { RepositoryView } from "@locum/contracts";
import { accessCollector } from "../collector-access.ts";
import type { Io } from "../io.ts";
import type { Output } from "../output.ts";
import { spanText, timeText } from "../span-text.ts";
import { visible } from "../table.ts";
import { bytesText } from "./bytes-text.ts";

type Asked = Parameters<typeof accessCollector>[0] & { service: string };

/** Snapshots of a service as its collector sees them, newest last, and how they stand. */
export async function showService(
  { service, ...given }: Asked,
  { io, out }: { io: Pick<Io, "clock">; out: Output },
): Promise<number> {
  const { client } = await accessCollector(given);
  const { repository, snapshots } = await client.storedSnapshots(service, { limit: 1000 });
  out.table(
    ["id", "captured (UTC)", "size", "channels"],
    snapshots
      .toReversed()
      .map(({ id, capturedAtMs, bytes, torn, channels }) => [
        id,
        timeText(capturedAtMs),
        bytesText(bytes),
        [...(torn ? ["TORN"] : []), ...channels].join(" "),
      ]),
  );
  out.say("");
  for (const [name, text] of linesOf(repository, io.clock.wallMs()))
    out.say(`${name.padEnd(12)}${visible(text)}`);
  for (const snapshot of snapshots) out.event({ kind: "snapshot", ...snapshot });
  out.summary({ ...repository });
  return 0;
}

function linesOf(view: RepositoryView, nowMs: number): [string, string][] {
  const { problem, drill, scrub, rpoAgeMs, escrowAgeMs, bytes, quotaBytes } = view;
  const ago = (ms: number) => `${spanText(nowMs - ms)} ago`;
  return [
    ["repository", view.repository],
    ...(problem
      ? [["problem", `${problem.code}: ${problem.detail}, since ${ago(problem.sinceMs)}`] as const]
      : []),
    ["restorable", view.restorable ? "yes" : `no: ${view.reason}`],
    ["rpo age", rpoAgeMs === null ? "nothing was verified yet" : `${spanText(rpoAgeMs)} (${view.verified})`],
    [
      "drill",
      drill
        ? `${drill.outcome} ${ago(drill.atMs)}: ${bytesText(drill.bytes)}, plan ${spanText(drill.planMs)}, fetch ${spanText(drill.fetchMs)}, decode ${spanText(drill.decodeMs)}`
        : "none yet",
    ],
    [
      "scrub",
      scrub
        ? `slice ${scrub.slice} of ${scrub.slices} ${ago(scrub.atMs)}${scrub.damaged.length > 0 ? `, ${scrub.damaged.length} damaged` : ""}`
        : "none yet",
    ],
    [
      "escrow",
      `${escrowAgeMs === null ? "never proven" : `proven ${spanText(escrowAgeMs)} ago`}${view.escrowDue ? ", due" : ""}`,
    ],
    [
      "size",
      bytes === null
        ? "-"
        : `${bytesText(bytes)}${quotaBytes === null ? "" : ` of ${bytesText(quotaBytes)}`}`,
    ],
  ].map(([name = "", text = ""]) => [name, text]);
}
