import type { Client, OperationView } from "@locum/contracts";
import type { FlagSpec } from "@locum/runtime";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { type Command, defineCommand } from "../command.ts";
import { followOrder, orderFlags, serviceOf, targetOf } from "../run-order.ts";

export const promote = orderVerb({
  verb: "promote",
  about:
    "Makes an instance the active one, in a new epoch: it proves its files and goldens first, the old one is fenced.",
  examples: [
    ["locum promote b", "b serves, a stands by"],
    ["locum promote b --force", "over the safety rules: you answer for an unproven instance"],
  ],
  extra: { force: { kind: "switch", about: "over the safety rules; needs the role admin" } },
  order: (client, target, { force }) => client.promote({ ...target, force: force === true }),
});

export const failback = orderVerb({
  verb: "failback",
  about: "Gives a repaired instance its first role back, once it is proven.",
  examples: [["locum failback a", "the first active serves again"]],
  order: (client, target) => client.failback(target),
});

export const restore = orderVerb({
  verb: "restore",
  about:
    "Puts the files of an approved release back, loads them and asks all goldens. What it displaces is kept.",
  examples: [
    ["locum restore a", "the newest release that can be restored there"],
    ["locum restore a --release sha256:4f1c...", "this one; locum release ls lists them"],
  ],
  extra: { release: { kind: "text", about: "digest of a release" } },
  order: (client, target, { release }) =>
    client.restore({ ...target, release: typeof release === "string" ? release : null }),
});

export const reload = orderVerb({
  verb: "reload",
  about: "Makes the model server read its files again and asks all goldens.",
  examples: [["locum reload a", "after a change in memory that nobody explains"]],
  order: (client, target) => client.reload(target),
});

export const restart = orderVerb({
  verb: "restart",
  about: "Runs the restart driver of the instance and asks all goldens.",
  examples: [["locum restart a", "needs restart in the service file"]],
  order: (client, target) => client.restart(target),
});

type Target = { service: string; instance: string; reason: string };

/** A verb that gives one order to the collector and waits until it has ended. */
function orderVerb({
  verb,
  about,
  examples,
  extra = {},
  order,
}: {
  verb: string;
  about: string;
  examples: readonly (readonly [string, string])[];
  extra?: Record<string, FlagSpec>;
  order: (client: Client, target: Target, flags: Record<string, unknown>) => Promise<OperationView>;
}): Command {
  return defineCommand({
    usage: `${verb} INSTANCE`,
    about,
    examples: [
      ...examples,
      [`locum ${verb} b --reason "maintenance of node 3" --no-wait`, "the order goes on by itself"],
    ],
    flags: { ...extra, ...collectorFlags, ...orderFlags },
    positionalsMax: 1,
    async run({ flags, positionals: [word], io, out }) {
      const access = await accessCollector(flags);
      const { client } = access;
      const service = await serviceOf(flags.service, access);
      const instance = targetOf(word, flags.target);
      const started = await order(client, { service, instance, reason: flags.reason }, flags);
      const ended = await followOrder(started, { client, io, out, wait: !flags["no-wait"] });
      out.say(`${verb} ${instance}: ${ended.state}${ended.detail ? `: ${ended.detail}` : ""}`);
      out.summary({ operation: ended });
      return 0;
    },
  });
}
