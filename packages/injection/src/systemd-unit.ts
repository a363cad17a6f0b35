import { posix } from "node:path";
import { Name } from "@locum/contracts";
import type { InjectConfig } from "./config.ts";
import { readKeys } from "./keys.ts";
import { type Declined, declined, type Note } from "./reasons.ts";
import { serviceText } from "./service-text.ts";
import { refuseOutsidePods } from "./source-notes.ts";
import { findTarget } from "./target.ts";

export type UnitResult =
  | { kind: "injected"; text: string; dropIn: string; sidecarUnit: string; notes: Note[] }
  | Declined;

const begin = "# locum.dev begin: written by locum inject, taken out by locum uninject";
const end = "# locum.dev end";
const block = new RegExp(
  `(\\r?\\n)?${begin.replaceAll(".", "\\.")}\\r?\\n[\\s\\S]*?${end.replaceAll(".", "\\.")}(\\r?\\n|$)`,
);

/** What a bare machine has in place of a pod's mounts: absolute paths. */
export type Machine = {
  program: string;
  /** Tokens as the collector writes them; systemd reads it and hands it on as a credential. */
  tokenFile: string;
  /** PEM of the authority of the collector's certificate; the system's own where there is none. */
  caFile?: string | undefined;
};

/** A file of systemd: sections in brackets, and one that starts a program. */
export const isUnit = (text: string): boolean =>
  /^\s*\[(Unit|Service|Install|X-Locum)\]\s*$/m.test(text) && !/^\s*---/m.test(text);

/**
 * The unit of a model server with a block at its end that wants the sidecar's unit beside it. It asks for that in a
 * section `[X-Locum]`, which systemd ignores: `Inject=enabled`, and the keys of docs/injection.md as `Key=value`.
 */
export function injectUnit(
  text: string,
  { name, config, machine }: { name: string; config: InjectConfig; machine: Machine },
): UnitResult {
  const bare = uninjectUnit(text);
  const sections = readSections(bare);
  const { Inject: word, ...rest } = sections.get("X-Locum") ?? {};
  if (word === undefined)
    return declined("not_labelled", "the unit has no Inject=enabled in a section [X-Locum]");
  if (word === "disabled") return declined("label_disabled", "[X-Locum] Inject=disabled");
  if (word !== "enabled")
    return declined("bad_value", `[X-Locum] Inject: expected enabled or disabled, found ${word}`);
  const command = sections.get("Service")?.ExecStart;
  if (!command) return declined("nothing_to_watch", "the unit has no ExecStart");
  const unit = name.replace(/\.service$/, "");
  if (!/^[A-Za-z0-9:_.-]{1,200}$/.test(unit))
    return declined("bad_value", `${JSON.stringify(unit)} is no unit of one model`);
  const annotations = Object.fromEntries(
    Object.entries(rest).map(([key, value]) => [`locum.dev/${keyOf(key)}`, value]),
  );
  const keys = readKeys({ annotations }, config.defaults);
  if ("kind" in keys) return keys;
  const outside = refuseOutsidePods(keys);
  if (outside) return outside;
  const group = keys.group ?? unit.toLowerCase();
  if (!Name.safeParse(group).success)
    return declined("bad_value", `${group} can name no service: set Group=`);
  const target = findTarget({ containers: [{ name: "unit", args: [command] }] }, {}, keys);
  if ("kind" in target) return target;
  if ([keys["tap-port"], keys["control-port"]].includes(target.port))
    return declined("port_collision", `the model itself listens on port ${target.port}`);
  const modelDir = target.path?.said ? target.path.path : undefined;
  const service = serviceText({
    group,
    instance: group,
    target,
    model: { modelDir, claim: undefined },
    keys,
    config,
    host: "127.0.0.1",
    secrets: { token: machine.tokenFile, ca: machine.caFile },
    state: `/var/lib/locum/${unit}`,
  });
  const eol = /\r\n/.test(bare) ? "\r\n" : "\n";
  const dropIn = ["[Unit]", `Wants=locum-${unit}.service`, `Before=locum-${unit}.service`];
  const lead = bare === "" || bare.endsWith("\n") ? "" : eol;
  // Where the file had no line break at its end, the block begins with one, and ends without.
  const lines = [begin, ...dropIn, end].join(eol) + (lead === "" ? eol : "");
  return {
    kind: "injected",
    text: bare + lead + lines,
    dropIn: `${dropIn.join("\n")}\n`,
    sidecarUnit: sidecarUnit(unit, {
      service,
      modelDir,
      user: sections.get("Service")?.User,
      program: machine.program,
      tokenFile: config.collector ? machine.tokenFile : undefined,
    }),
    notes: [
      ...target.notes,
      ...(keys.posture === "watch" ? [] : [tapNote(keys["tap-port"])]),
      ...(modelDir ? [] : [{ code: "model_path_unknown" as const, detail: "bytes are not judged" }]),
    ],
  };
}

const tapNote = (port: number): Note => ({
  code: "takeover_none",
  detail: `send requests to 127.0.0.1:${port}`,
});

/** The unit as it was. What was changed outside of our block stays. */
export function uninjectUnit(text: string): string {
  const found = block.exec(text);
  if (!found) return text;
  // The line break before the block is ours where the block has none at its end.
  const isOpen = found[2] === "";
  const from = found.index + (isOpen ? 0 : (found[1]?.length ?? 0));
  return text.slice(0, from) + text.slice(found.index + found[0].length);
}

type Beside = {
  service: string;
  modelDir: string | undefined;
  user: string | undefined;
  program: string;
  tokenFile: string | undefined;
};

/** As the other units, but for RemoveIPC: it may run as the model server's user, whose shared memory is not ours to remove. */
function sidecarUnit(unit: string, { service, modelDir, user, program, tokenFile }: Beside): string {
  // In Environment= a dollar sign is a dollar sign (systemd.exec(5)).
  const escaped = quoted(service);
  // systemd reads the file as root: the user of the model server need not be able to.
  const credential = tokenFile === undefined ? "" : `LoadCredential=tokens.json:${specifier(tokenFile)}\n`;
  const token = tokenFile === undefined ? "" : ` --token-file \${CREDENTIALS_DIRECTORY}/tokens.json`;
  return `[Unit]
Description=Locum sidecar of ${unit}.service
BindsTo=${unit}.service
After=${unit}.service
StartLimitIntervalSec=0

[Service]
Type=exec
Environment="LOCUM_SERVICE=${escaped}"
ExecStart=${program} sidecar${token}
${credential}StateDirectory=locum/${unit}
Restart=always
RestartSec=1
TimeoutStopSec=20
KillMode=mixed
UMask=0077
${user && /^[A-Za-z0-9_.-]+$/.test(user) ? `User=${user}` : "DynamicUser=yes"}
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectKernelLogs=yes
ProtectClock=yes
ProtectHostname=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
MemoryMax=192M
TasksMax=256
LimitNOFILE=65536
${writable(modelDir)}`;
}

/**
 * A restore renames beside the model's folder: it is the parent that must be writable. Lists of paths know no escapes, so
 * that a path which would need one is left for a drop-in.
 */
function writable(modelDir: string | undefined): string {
  if (modelDir === undefined || /["'\\\p{Cc}]/u.test(modelDir)) return "";
  return `ReadWritePaths="${specifier(posix.dirname(modelDir))}"\n`;
}

/** A percent sign begins a specifier, everywhere in a unit. */
const specifier = (text: string): string => text.replaceAll("%", "%%");

/** Inside double quotes of a unit file, with no specifier in it. */
const quoted = (text: string): string => specifier(text.replaceAll("\\", "\\\\").replaceAll('"', '\\"'));

/** `PortTakeover` and `port-takeover` are one key: systemd's own keys are written in the first way. */
const keyOf = (name: string): string =>
  name.includes("-") || name === name.toLowerCase()
    ? name
    : name.replace(/(?<=[a-z])[A-Z]/g, (letter) => `-${letter}`).toLowerCase();

function readSections(text: string): Map<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>();
  let current: Record<string, string> = {};
  const joined = text.replace(/\\\r?\n/g, " ");
  for (const line of joined.split(/\r?\n/).slice(0, 10_000)) {
    const section = /^\s*\[([^\]]+)\]\s*$/.exec(line)?.[1];
    const [, key, value] = /^\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (section !== undefined) {
      current = sections.get(section) ?? {};
      sections.set(section, current);
    } else if (key !== undefined && value !== undefined) current[key] = value;
  }
  return sections;
}
