import { access, stat } from "node:fs/promises";
import { Fault, restartProgram, type ServiceConfig } from "@locum/contracts";
import { programOnPath } from "@locum/runtime";
import { restoreMethod } from "@locum/snapshot";
import { connectInstance } from "./connect-instance.ts";
import { readReleases } from "./golden/read-releases.ts";
import type { Io } from "./io.ts";
import { operatorKeyFile, readOperatorKey } from "./operator-key.ts";

/** `note`: in order for now, and worth knowing. */
export type Finding = { level: "ok" | "note" | "bad"; what: string; detail: string };

/** Folders, key files and releases that a parsed configuration names. */
export async function checkFiles(config: ServiceConfig, io: Io): Promise<Finding[]> {
  return [
    ...(await checkFolders(config)),
    ...(await checkNamedFiles(config)),
    ...(await checkRestarts(config, io)),
    ...(await checkReleases(config)),
    await checkTokens(config),
    await checkKey(config, io),
  ];
}

async function checkFolders({ instances }: ServiceConfig): Promise<Finding[]> {
  return Promise.all(
    instances.map(async ({ id, modelDir }): Promise<Finding> => {
      if (modelDir === undefined)
        return { level: "note", what: "files", detail: `${id}: no modelDir, only answers are judged` };
      const { method, reason } = await restoreMethod({ dir: modelDir });
      return {
        level: method === "none" ? "bad" : "ok",
        what: "files",
        detail: `${id}: ${method}: ${reason}`,
      };
    }),
  );
}

async function checkNamedFiles({ instances, collector }: ServiceConfig): Promise<Finding[]> {
  const files = [
    ...instances.flatMap(({ id, ca, headersFile }) => [
      { what: `${id}: ca`, file: ca },
      { what: `${id}: headersFile`, file: headersFile },
    ]),
    { what: "collector.ca", file: collector.ca },
    { what: "collector.tls.cert", file: collector.tls?.cert },
    { what: "collector.tls.key", file: collector.tls?.key },
  ];
  const findings: Finding[] = [];
  for (const { what, file } of files) {
    if (file === undefined) continue;
    const isThere = await readable(file);
    if (!isThere) findings.push({ level: "bad", what: "files", detail: `${what}: ${file} cannot be read` });
  }
  return findings;
}

/** A driver whose program is missing is found out here, and not in the middle of a failure. */
async function checkRestarts({ instances }: ServiceConfig, io: Io): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { id, restart } of instances) {
    if (!restart) {
      const detail = `${id}: no driver, Locum never restarts it`;
      findings.push({ level: "note", what: "restart", detail });
      continue;
    }
    const program = restartProgram(restart);
    const cwd = "child" in restart && restart.cwd !== undefined ? { cwd: restart.cwd } : {};
    const place = await programOnPath(program, { path: io.env("PATH") ?? "", ...cwd });
    findings.push(
      place === null
        ? { level: "bad", what: "restart", detail: `${id}: ${program} is not there or cannot be started` }
        : { level: "ok", what: "restart", detail: `${id}: ${place}` },
    );
  }
  return findings;
}

async function checkReleases(config: ServiceConfig): Promise<Finding[]> {
  if (config.approvers.length === 0)
    return [
      { level: "bad", what: "releases", detail: "approvers is empty: no release can ever be approved" },
    ];
  const releases = await readReleases(config);
  if (releases.length === 0)
    return [{ level: "note", what: "releases", detail: "none yet: locum golden record writes the first" }];
  return releases.map((one): Finding => {
    if ("fault" in one)
      return {
        level: "bad",
        what: "releases",
        detail: `${one.file}: ${one.fault.code}: ${one.fault.message}`,
      };
    const { digest, body } = one.release;
    return {
      level: "ok",
      what: "releases",
      detail: `${digest.slice(0, 19)}: ${body.goldens.length} goldens`,
    };
  });
}

async function checkTokens({ collector }: ServiceConfig): Promise<Finding> {
  const file = collector.tokenFile;
  const found = await stat(file).catch(() => undefined);
  if (!found) return { level: "note", what: "tokens", detail: "none yet: the collector makes them" };
  const mode = found.mode & 0o777;
  return process.platform !== "win32" && (mode & 0o077) !== 0
    ? {
        level: "bad",
        what: "tokens",
        detail: `${file} can be read by others (mode ${mode.toString(8)}): chmod 600`,
      }
    : { level: "ok", what: "tokens", detail: `${file}, mode ${mode.toString(8)}` };
}

async function checkKey({ approvers }: ServiceConfig, io: Io): Promise<Finding> {
  const file = operatorKeyFile(io);
  if (!(await readable(file)))
    return {
      level: "note",
      what: "key",
      detail: `no operator's key here (${file}): releases are signed elsewhere`,
    };
  try {
    const { approver } = await readOperatorKey(file);
    const isKnown = approvers.some(
      ({ keyId, publicKey }) => keyId === approver.keyId && publicKey === approver.publicKey,
    );
    return isKnown
      ? { level: "ok", what: "key", detail: `${file} is the approver ${approver.keyId}` }
      : { level: "note", what: "key", detail: `${file} (${approver.keyId}) is none of the approvers` };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    return { level: "bad", what: "key", detail: error.message };
  }
}

/** Is each server there, and does it serve what the goldens ask? */
export async function checkServers(config: ServiceConfig): Promise<Finding[]> {
  return Promise.all(
    config.instances.map(async (instance): Promise<Finding> => {
      const server = await connectInstance(instance);
      try {
        const live = await server.live({ timeoutMs: 3000 });
        if (!live.ok)
          return { level: "bad", what: "server", detail: `${instance.id}: ${instance.url}: ${live.detail}` };
        const ready = await server.ready(undefined, { timeoutMs: 3000 });
        const word = ready.ok ? "live and ready" : "live, says that it is not ready";
        return { level: ready.ok ? "ok" : "note", what: "server", detail: `${instance.id}: ${word}` };
      } finally {
        server.close();
      }
    }),
  );
}

const readable = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
