import { Fault } from "@locum/contracts";
import {
  listSnapshots,
  peekStub,
  type Repository,
  readRef,
  type Stub,
  ulidPattern,
} from "@locum/snapshot/repository";
import { type Access, openAccessed } from "./access-repository.ts";

const prefixMin = 4;

/**
 * A snapshot by its id, by the beginning of one that no other has, or by `MODEL/CHANNEL` (digits/latest).
 * @throws Fault snapshot-missing · usage: none named, or several begin so · not-authorised: channels need a key
 */
export async function findSnapshot(access: Access, text: string | undefined): Promise<Stub> {
  const { store } = access.place;
  if (text === undefined)
    throw new Fault("usage", "expected a snapshot's id or MODEL/CHANNEL", {
      hint: "locum snapshot ls has them.",
    });
  if (text.includes("/")) return peekStub(store, await idOfChannel(await openAccessed(access), text));
  const id = text.toUpperCase();
  if (ulidPattern.test(id)) return peekStub(store, id);
  if (id.length < prefixMin || !/^[0-9A-Z]{1,25}$/.test(id)) throw missing(text);
  const { snapshots } = await listSnapshots({ store });
  const [found, ...more] = snapshots.filter((each) => each.id.startsWith(id));
  if (!found) throw missing(text);
  if (more.length > 0)
    throw new Fault("usage", `${more.length + 1} snapshots begin with ${id}`, {
      hint: "Give more of the id.",
    });
  return found.stub;
}

async function idOfChannel(repository: Repository, text: string): Promise<string> {
  const [model = "", channel = "", ...rest] = text.split("/");
  if (rest.length > 0) throw missing(text);
  const ref = await readRef(repository, { model, channel });
  if (ref?.snapshot) return ref.snapshot;
  throw new Fault("snapshot-missing", `${model}/${channel} points to no snapshot`, {
    hint: "locum snapshot ls shows what each channel points to.",
  });
}

const missing = (text: string): Fault =>
  new Fault("snapshot-missing", `there is no snapshot "${text.slice(0, 60)}"`, {
    hint: "locum snapshot ls has them.",
  });
