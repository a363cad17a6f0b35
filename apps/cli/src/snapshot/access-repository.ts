import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { type FlagSpec, type Flags, readSecretFile, readTextFile } from "@locum/runtime";
import { openBucket } from "@locum/runtime/object-store";
import {
  type KeyOpener,
  keyOpener,
  nativeHash,
  openByManifests,
  openPlace,
  openRepository,
  type Place,
  type Repository,
  type RepositoryDeps,
  readPrivateKey,
  readWriter,
  recipientOf,
  type Writer,
} from "@locum/snapshot/repository";
import type { Io } from "../io.ts";
import { operatorFolder, ownKeyFile } from "./private-key.ts";

export const placeFlags = {
  repository: {
    kind: "text",
    required: true,
    short: "r",
    about:
      "DIR, s3://bucket/prefix?endpoint=URL&region=R, azure://account/container/prefix or gs://bucket/prefix",
  },
  "writer-dir": {
    kind: "text",
    about: "folder of id.key and recipients.pem; your own for this place if absent",
  },
  "credentials-file": {
    kind: "text",
    about: "of the object store (docs/snapshots.md); else from the environment",
  },
} as const satisfies Record<string, FlagSpec>;

export const repositoryFlags = {
  ...placeFlags,
  key: { kind: "text", about: "private key in PEM that opens snapshots; your own snapshot.key if absent" },
} as const satisfies Record<string, FlagSpec>;

/** A repository with the keys that this user holds of it. */
export type Access = {
  place: Place;
  writerDir: string;
  writer: Writer | undefined;
  /** For `openAccessed`; who reads data with it asks `useKey`, which notes it. */
  opener: KeyOpener | undefined;
  /** Its recipient id, in hex. */
  keyId: string | undefined;
  /** `by` of channels, `holder` of leases. */
  who: string;
  io: Io;
};

/** @throws Fault usage · config-unreadable · config-invalid: a key file that is no such file */
export async function accessRepository(
  flags: Flags<typeof placeFlags> & { key?: string | undefined },
  io: Io,
): Promise<Access> {
  const place = openPlace(flags.repository, {
    credentialsFile: flags["credentials-file"],
    cwd: io.cwd,
    env: io.env,
    openBucket,
  });
  const given = flags["writer-dir"];
  const writerDir =
    given === undefined ? join(operatorFolder(io), "snapshots", place.slug) : resolve(io.cwd, given);
  const own = ownKeyFile(io);
  const file = flags.key === undefined ? (existsSync(own) ? own : undefined) : resolve(io.cwd, flags.key);
  const key = file === undefined ? undefined : await readPrivateKey(file, { readTextFile });
  return {
    place,
    writerDir,
    writer: await readWriter(writerDir, { readTextFile, readSecretFile }),
    opener: key && keyOpener(key),
    keyId: key && Buffer.from(recipientOf(key).id).toString("hex"),
    who: whoAmI(),
    io,
  };
}

/**
 * By the writer's id key, else by the one that every manifest carries for its recipients: a private key alone is enough
 * on a machine that never wrote.
 * @throws Fault snapshot-missing: no repository there · not-authorised: no key of it · snapshot-corrupt
 */
export async function openAccessed(access: Access): Promise<Repository> {
  const { place, writer, opener } = access;
  if ((await place.store.size("config")) === undefined)
    throw new Fault("snapshot-missing", `${place.text} is no snapshot repository`, {
      hint: "locum snapshot init --repository PLACE makes one.",
    });
  if (writer) return openRepository(repositoryDeps(access, writer.idKey));
  if (opener) return openByKey(access, opener);
  throw new Fault("not-authorised", `no key of ${place.text} is at hand`, {
    hint: "Name the writer's folder with --writer-dir, or a recipient's private key with --key.",
  });
}

export const repositoryDeps = (access: Access, idKey: Uint8Array): RepositoryDeps => ({
  ...depsOf(access),
  idKey,
});

const depsOf = ({ place: { store }, io }: Access): Omit<RepositoryDeps, "idKey"> => ({
  store,
  hash: nativeHash,
  random: (length) => randomBytes(length),
  wallMs: () => io.clock.wallMs(),
});

/** @throws Fault not-authorised */
export function needWriter({ writer, writerDir }: Access): Writer {
  if (writer) return writer;
  throw new Fault("not-authorised", `${writerDir} has no id key: nothing can be written`, {
    hint: "locum snapshot init makes it; on another machine copy the folder, or run init with --key.",
  });
}

async function openByKey(access: Access, opener: KeyOpener): Promise<Repository> {
  const repository = await openByManifests(depsOf(access), { opener });
  if (repository) return repository;
  throw new Fault("not-authorised", `${access.place.text} has no snapshot yet that a key could open`, {
    hint: "Name the writer's folder with --writer-dir.",
  });
}

function whoAmI(): string {
  try {
    return `${userInfo().username}@${hostname()}`.slice(0, 200);
  } catch {
    // A container may run as a user id that no file names.
    return hostname().slice(0, 200);
  }
}
