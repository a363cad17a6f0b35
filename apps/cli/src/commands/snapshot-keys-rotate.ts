import { exitCodes } from "@locum/contracts";
import { defineCommand } from "../command.ts";
import {
  accessRepository,
  needWriter,
  openAccessed,
  repositoryFlags,
} from "../snapshot/access-repository.ts";
import { rewrapAll } from "../snapshot/rewrap-all.ts";

export const snapshotKeysRotate = defineCommand({
  usage: "snapshot keys rotate --repository PLACE --key FILE",
  about:
    "Makes everything that is stored readable to every recipient of the writer's recipients.pem: writes the keys of each pack and manifest anew, not their data, beside them. Goes on where an earlier run stopped. Takes nobody's access away: who could read a file keeps its key.",
  examples: [
    ["locum snapshot keys rotate -r /backup/models --key ops.key", "after recipients.pem was changed"],
  ],
  flags: repositoryFlags,
  async run({ flags, io, out }) {
    const access = await accessRepository(flags, io);
    const { recipients } = needWriter(access);
    const repository = await openAccessed(access);
    const counts = await rewrapAll(access, repository, { recipients, io, out });
    out.summary({ repository: access.place.text, recipients: recipients.length, ...counts });
    return counts.failed === 0 ? exitCodes.ok : exitCodes.degraded;
  },
  untilSignal: true,
});
