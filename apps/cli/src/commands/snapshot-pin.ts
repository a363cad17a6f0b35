import { Fault } from "@locum/contracts";
import { listRefs, moveRef, type RefName, type Repository, readRef } from "@locum/snapshot/repository";
import { defineCommand } from "../command.ts";
import { accessRepository, openAccessed } from "../snapshot/access-repository.ts";
import { eitherFlags, needPlace } from "../snapshot/either-flags.ts";
import { findSnapshot } from "../snapshot/find-snapshot.ts";
import { pinService } from "../snapshot/pin-service.ts";

const reasonFlag = { kind: "text", fallback: "", about: "for the audit log, with --service" } as const;

export const snapshotPin = defineCommand({
  usage: "snapshot pin NAME ID (--repository PLACE | --service NAME)",
  about:
    "Holds a snapshot under a name of yours until unpin: no rule and no hand forgets it meanwhile. A pin of that name on another snapshot of the model moves. With --service the collector does it and records who asked; a name that begins with hold- is a legal hold there.",
  examples: [
    ["locum snapshot pin before-v3 digits/latest -r /backup/models", "before a deploy"],
    ["locum snapshot pin hold-4711 01KB... --service digits", "a legal hold, by the collector"],
  ],
  flags: { ...eitherFlags, reason: reasonFlag },
  positionalsMax: 2,
  async run({ flags, positionals: [name, id], io, out }) {
    const { service } = flags;
    if (service !== undefined) return pinService({ ...flags, service }, { name, id: id ?? "", out });
    const channel = channelOf(name);
    const access = await accessRepository({ ...flags, repository: needPlace(flags) }, io);
    const repository = await openAccessed(access);
    const { model, id: snapshot } = await findSnapshot(access, id);
    const before = await point(repository, { model, channel }, { snapshot, by: access.who });
    out.say(
      `${model}/${channel} holds ${snapshot}${before === null || before === snapshot ? "" : `, before ${before}`}`,
    );
    out.summary({ model, channel, snapshot, before });
    return 0;
  },
});

export const snapshotUnpin = defineCommand({
  usage: "snapshot unpin NAME (--repository PLACE | --service NAME)",
  about: "Lets go of what a pin holds. The snapshot stays until a rule or a hand forgets it.",
  examples: [
    ["locum snapshot unpin before-v3 -r /backup/models", "where one model has a pin of that name"],
    ["locum snapshot unpin before-v3 --model digits -r /backup/models", "where several have"],
    ["locum snapshot unpin hold-4711 --service digits --reason 'case closed'", "by the collector"],
  ],
  flags: { ...eitherFlags, model: { kind: "text", about: "whose pin" }, reason: reasonFlag },
  positionalsMax: 1,
  async run({ flags, positionals: [name], io, out }) {
    const { service } = flags;
    if (service !== undefined) return pinService({ ...flags, service }, { name, id: null, out });
    const channel = channelOf(name);
    const access = await accessRepository({ ...flags, repository: needPlace(flags) }, io);
    const repository = await openAccessed(access);
    const held = (await listRefs(repository)).filter(
      (ref) =>
        ref.channel === channel &&
        ref.snapshot !== null &&
        (flags.model === undefined || ref.model === flags.model),
    );
    const [ref, ...more] = held;
    if (!ref) throw new Fault("not-found", `no pin ${channel}`, { hint: "locum snapshot ls shows pins." });
    if (more.length > 0)
      throw new Fault("usage", `${held.map(({ model }) => model).join(", ")} have a pin ${channel}`, {
        hint: "Name one with --model.",
      });
    const { model } = ref;
    const before = await point(repository, { model, channel }, { snapshot: null, by: access.who });
    out.say(`${model}/${channel} lets go of ${before}`);
    out.summary({ model, channel, snapshot: null, before });
    return 0;
  },
});

/** A person's hold has a name of its own kind, so that no pin is taken for what a program keeps. */
function channelOf(name: string | undefined): string {
  const text = name?.startsWith("pinned-") ? name.slice("pinned-".length) : (name ?? "");
  if (/^[a-z0-9][a-z0-9._-]{0,90}$/.test(text)) return `pinned-${text}`;
  throw new Fault("usage", `expected a name of a-z, 0-9, ., _ and -, found "${text.slice(0, 60)}"`);
}

/** What it held before. */
async function point(
  repository: Repository,
  name: RefName,
  { snapshot, by }: { snapshot: string | null; by: string },
): Promise<string | null> {
  const expected = (await readRef(repository, name))?.snapshot ?? null;
  if (expected !== snapshot) await moveRef(repository, name, { snapshot, by, expected });
  return expected;
}
