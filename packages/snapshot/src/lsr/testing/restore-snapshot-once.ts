// A process of its own, to be killed: restores a snapshot from a repository on the disk, from the first argument's JSON.
import { randomBytes } from "node:crypto";
import { nodeFs } from "../../fs.ts";
import { nativeHash } from "../crypto/native-hash.ts";
import { loadIndex } from "../repository/load-index.ts";
import { readSnapshot } from "../repository/read-snapshot.ts";
import { openRepository } from "../repository/repository.ts";
import { planRestore } from "../restore/plan-restore.ts";
import { repositorySource } from "../restore/repository-source.ts";
import { restoreSnapshot } from "../restore/restore-snapshot.ts";
import { directoryStore } from "../store/directory-store.ts";
import { opener, sealing } from "./rig.ts";

const { root, to, id } = JSON.parse(process.argv[2] ?? "{}") as { root: string; to: string; id: string };
const store = directoryStore({ fs: nodeFs, root, random: randomBytes });
const { idKey } = sealing;
const repository = await openRepository({
  store,
  idKey,
  hash: nativeHash,
  random: randomBytes,
  wallMs: Date.now,
});
const loaded = await loadIndex(repository, { for: "reader", repair: false });
const source = repositorySource({ repository, loaded, opener });
const manifest = await readSnapshot(repository, id, { opener });
let chunks = 0;
const told: typeof source = {
  ...source,
  async read(...args) {
    process.stdout.write(`chunk ${++chunks}\n`);
    return source.read(...args);
  },
};
const plan = await planRestore({ repository, manifest, to, sources: [told] });
const { path } = await restoreSnapshot({ ...plan, filesAtOnce: 1, chunksAtOnce: 1 });
process.stdout.write(`path ${path}\n`);
