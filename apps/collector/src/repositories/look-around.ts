import { Fault } from "@locum/contracts";
import {
  type BlobStore,
  listRefs,
  measureRepository,
  peekStub,
  type Repository,
  ulidPattern,
} from "@locum/snapshot/repository";
import type { Seen, SeenSnapshot } from "./repository-jobs.ts";

/** A listing of a bucket with many packs costs requests: how large it is may be this old. */
const measureMs = 600_000;

export type LookAround = {
  look(repository: Repository | undefined): Promise<Seen>;
  /** How large it is, it is no more: something was deleted. */
  forgetSize(): void;
};

/** Looks again and again at one repository. A manifest never changes: what it says is read once. */
export function createLookAround({ store, wallMs }: { store: BlobStore; wallMs: () => number }): LookAround {
  let measured = { atMs: Number.NEGATIVE_INFINITY, bytes: 0 };
  let known = new Map<string, SeenSnapshot>();

  async function size(): Promise<number> {
    if (Math.abs(wallMs() - measured.atMs) >= measureMs)
      measured = { atMs: wallMs(), bytes: (await measureRepository({ store })).bytes };
    return measured.bytes;
  }

  async function read(name: string, storedAtMs: number): Promise<SeenSnapshot | undefined> {
    const id = name.slice("snaps/".length, -".sn".length);
    const stub = await peekStub(store, id).catch((error: unknown) => {
      // Forgotten between the listing and the look.
      if (error instanceof Fault && error.code === "snapshot-missing") return undefined;
      throw error;
    });
    return (
      stub && {
        id,
        model: stub.model,
        capturedAtMs: Date.parse(stub.capturedAt),
        storedAtMs,
        bytes: stub.bytes,
        files: stub.files,
        torn: stub.torn,
        parent: stub.parent,
        signer: stub.signer,
      }
    );
  }

  async function list(): Promise<Pick<Seen, "snapshots" | "damaged">> {
    const found = new Map<string, SeenSnapshot>();
    const damaged: string[] = [];
    for await (const { name, modifiedMs } of store.list("snaps/")) {
      if (!ulidPattern.test(name.replace(/^snaps\/(.*)\.sn$/, "$1"))) continue;
      try {
        const snapshot = known.get(name) ?? (await read(name, modifiedMs));
        if (snapshot) found.set(name, { ...snapshot, storedAtMs: modifiedMs });
      } catch (error) {
        if (!(error instanceof Fault) || error.code !== "snapshot-corrupt") throw error;
        damaged.push(name);
      }
    }
    known = found;
    return { snapshots: [...found.values()], damaged };
  }

  return {
    async look(repository) {
      const refs = repository ? await listRefs(repository) : [];
      return {
        atMs: wallMs(),
        ...(await list()),
        refs: refs.map(({ model, channel, snapshot, at }) => ({
          model,
          channel,
          snapshot,
          atMs: Date.parse(at),
        })),
        bytes: await size(),
      };
    },
    forgetSize() {
      measured = { ...measured, atMs: Number.NEGATIVE_INFINITY };
    },
  };
}
