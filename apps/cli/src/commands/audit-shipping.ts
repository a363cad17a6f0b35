import type { ShippingView } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { spanText } from "../span-text.ts";
import type { Cell } from "../table.ts";

export const auditShipping = defineCommand({
  usage: "audit shipping",
  about:
    "How the copy of the audit log in Elasticsearch stands: every record is acknowledged, quarantined, kept as a dead letter or still pending. Exit 2 where something needs an operator.",
  examples: [["locum audit shipping", "is all of it there, and if not, why?"]],
  flags: collectorFlags,
  async run({ flags, out }) {
    const { client } = await accessCollector(flags);
    const view = await client.shipping();
    out.table(["elasticsearch", ""], rowsOf(view));
    out.summary({ ...view });
    return view.problem === null && view.differing === 0 ? 0 : 2;
  },
});

function rowsOf(view: ShippingView): Cell[][] {
  const bad = (count: number): Cell => (count === 0 ? "0" : { text: String(count), colour: "bad" });
  const state: Cell =
    view.elasticsearch === "reachable" ? view.elasticsearch : { text: view.elasticsearch, colour: "bad" };
  return [
    ["state", view.elasticsearch === "off" ? "off" : state],
    ["server", view.family ?? "-"],
    ["records", String(view.appended)],
    ["acknowledged", String(view.acked)],
    ["quarantined", bad(view.quarantined)],
    ["dead letters", bad(view.rejected)],
    ["pending", pendingOf(view)],
    ["not the log's", bad(view.differing)],
    ["sent again", String(view.retries)],
    ["counted against the log", view.reconciled ? `up to ${view.reconciled.seq}` : "not yet"],
    [
      "problem",
      view.problem ? { text: `${view.problem.code}: ${view.problem.detail}`, colour: "bad" } : "none",
    ],
  ];
}

const pendingOf = ({ pending, oldestPendingMs }: ShippingView): string =>
  pending === 0 || oldestPendingMs === null
    ? String(pending)
    : `${pending}, for ${spanText(oldestPendingMs)}`;
