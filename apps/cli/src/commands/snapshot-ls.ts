import { Fault } from "@locum/contracts";
import { listRefs, listSnapshots, measureRepository, type Ref } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { type Access, accessRepository, openAccessed } from "../snapshot/access-repository.ts";
import { bytesText } from "../snapshot/bytes-text.ts";
import { eitherFlags, needPlace } from "../snapshot/either-flags.ts";
import { showService } from "../snapshot/show-service.ts";
import { timeText } from "../span-text.ts";
import { visible } from "../table.ts";

export const snapshotLs = defineCommand({
  usage: "snapshot ls (--repository PLACE | --service NAME)",
  about:
    "Snapshots, oldest first, and what each channel points to. What it says of a snapshot stands in the clear and needs no key, and without a signature proves nothing; channels are told only where a key shows that a writer moved them. With --service the collector is asked, which looks after the repository: it needs no key here, and says how old the newest verified snapshot is and how the last drill went.",
  examples: [
    ["locum snapshot ls -r /backup/models", "what is there"],
    ["locum snapshot ls -r /backup/models --model digits --json", "of one model, for a script"],
    ["locum snapshot ls --service digits", "as the collector sees them"],
  ],
  flags: { ...eitherFlags, model: { kind: "text", about: "only of this one" } },
  async run({ flags, io, out }) {
    if (flags.service !== undefined) return showService({ ...flags, service: flags.service }, { io, out });
    const access = await accessRepository({ ...flags, repository: needPlace(flags) }, io);
    const { store, text } = access.place;
    if ((await store.size("config")) === undefined) await openAccessed(access);
    const { snapshots, damaged } = await listSnapshots({ store });
    const refs = await knownRefs(access);
    const usage = await measureRepository({ store });
    const shown = snapshots.filter(({ stub }) => flags.model === undefined || stub.model === flags.model);
    const channelsOf = (id: string) =>
      refs?.flatMap(({ snapshot, channel }) => (snapshot === id ? [channel] : [])) ?? [];
    if (shown.length === 0) out.say(`no snapshot in ${text}`);
    else out.say(out.paint("dim", row("id", "captured (UTC)", "size", "model", "channels")));
    for (const { id, stub } of shown) {
      const marks = [...(stub.torn ? [out.paint("warn", "TORN")] : []), ...channelsOf(id)].join(" ");
      out.say(row(id, timeText(Date.parse(stub.capturedAt)), bytesText(stub.bytes), stub.model, marks));
    }
    for (const { name, fault } of damaged)
      out.say(out.paint("bad", `damaged: ${visible(name)}: ${visible(fault.message)}`));
    if (refs === undefined) out.say("Channels are not shown: no key of this repository is at hand.");
    out.say(
      `${snapshots.length} snapshots; ${usage.packs.count} packs of ${bytesText(usage.packs.bytes)}, all files ${bytesText(usage.bytes)}`,
    );
    for (const { id, stub, storedMs } of shown)
      out.event({
        kind: "snapshot",
        ...stub,
        storedAt: new Date(storedMs).toISOString(),
        channels: channelsOf(id),
      });
    out.summary({
      repository: text,
      snapshots: shown.length,
      damaged: damaged.map(({ name, fault }) => ({ name, message: fault.message })),
      channels:
        refs?.map(({ model, channel, snapshot, at, by }) => ({ model, channel, snapshot, at, by })) ?? null,
      usage,
    });
    return 0;
  },
});

/** Never cut: ids are for copying. */
const row = (id: string, captured: string, size: string, model: string, marks: string): string =>
  [id.padEnd(26), captured.padEnd(19), size.padStart(9), model, marks].join("  ").trimEnd();

/** Undefined where no key shows which are genuine. */
async function knownRefs(access: Access): Promise<Ref[] | undefined> {
  try {
    return await listRefs(await openAccessed(access));
  } catch (error) {
    if (error instanceof Fault && error.code === "not-authorised") return undefined;
    throw error;
  }
}
