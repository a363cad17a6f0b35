import { dirname } from "node:path";
import { Fault, type Instance, type ServiceConfig } from "@locum/contracts";
import { machineFiles, places, unitFiles } from "./unit-files.ts";

export type RenderedUnits = {
  /** Paths below /etc, with their texts. */
  files: Record<string, string>;
  warnings: string[];
};

/**
 * The units of one machine: those that fit every machine, and for this configuration a drop-in each, which opens the
 * folders that it writes and nothing else. `config` is the service file as it will be read there, at the path `at`.
 * @throws Fault config-invalid where a path cannot be written into a unit
 */
export function renderSystemd(
  config: ServiceConfig,
  { instances, at = places.config }: { instances: readonly Instance[]; at?: string },
): RenderedUnits {
  const warnings: string[] = [];
  const files: Record<string, string> = { ...machineFiles };
  for (const [name, text] of Object.entries(unitFiles())) files[`systemd/system/${name}`] = text;
  const dropIn = (unit: string, lines: readonly string[]): void => {
    if (lines.length > 0)
      files[`systemd/system/${unit}.d/locum.conf`] = `# Of ${plain(at)}\n${lines.join("\n")}\n`;
  };
  const { tokenFile } = config.collector;
  dropIn("locum-collector.service", collectorLines(config, at));
  for (const instance of instances)
    dropIn(`locum-sidecar@${instance.id}.service`, sidecarLines(instance, config, at));
  dropIn("locum-up.service", upLines(config, at));
  const rule = polkitRule(instances);
  if (rule) files["polkit-1/rules.d/50-locum.rules"] = rule;
  if (!isBelow(tokenFile, places.state))
    warnings.push(
      `collector.tokenFile is ${tokenFile}: make its folder writable for the user locum, or set ${places.tokens}`,
    );
  for (const instance of instances) warnings.push(...warningsOf(instance, config));
  return { files, warnings };
}

function collectorLines(config: ServiceConfig, at: string): string[] {
  const { tokenFile, tls } = config.collector;
  const written = isBelow(tokenFile, places.state) ? [] : [dirname(tokenFile)];
  const read = [at, config.releases, ...(tls ? [tls.cert, tls.key] : [])];
  return section([
    ...command(
      at === places.config ? null : `collector --config ${argument(at)} --data-dir ${places.state}/collector`,
    ),
    ...opened(written, read),
  ]);
}

function sidecarLines(instance: Instance, config: ServiceConfig, at: string): string[] {
  const { tokenFile } = config.collector;
  const token = `--token-file \${CREDENTIALS_DIRECTORY}/tokens.json`;
  const state = `--state-dir ${places.state}/%i`;
  return section(
    [
      ...command(
        at === places.config ? null : `sidecar --config ${argument(at)} --instance %i ${state} ${token}`,
      ),
      ...(tokenFile === places.tokens
        ? []
        : ["LoadCredential=", `LoadCredential=${specifier(`tokens.json:${tokenFile}`)}`]),
      ...opened(foldersOf(instance), readBy(instance, config, at)),
      ...driverLines(instance),
    ],
    afterModel(instance),
  );
}

function upLines(config: ServiceConfig, at: string): string[] {
  const { instances, collector } = config;
  const folders = [...new Set(instances.flatMap(foldersOf))];
  return section([
    ...command(at === places.config ? null : `up --config ${argument(at)} --out-dir ${places.state}`),
    ...opened(
      isBelow(collector.tokenFile, places.state) ? folders : [...folders, dirname(collector.tokenFile)],
      instances.flatMap((instance) => readBy(instance, config, at)),
    ),
    ...new Set(instances.flatMap(driverLines)),
  ]);
}

const readBy = (
  { ca, headersFile, pidFile, modelDir }: Instance,
  { releases, collector }: ServiceConfig,
  at: string,
) => [at, releases, ca, headersFile, pidFile, modelDir, collector.ca].filter((path) => path !== undefined);

const section = (service: readonly string[], unit: readonly string[] = []): string[] => [
  ...(unit.length > 0 ? ["[Unit]", ...unit] : []),
  ...(service.length > 0 ? ["[Service]", ...service] : []),
];

/** A list is emptied before it is set anew. */
const command = (args: string | null): string[] =>
  args === null ? [] : ["ExecStart=", `ExecStart=${places.program} ${args}`];

/**
 * The parent of the model's folder, not the folder: what systemd opens it mounts, and a restore renames beside the
 * folder, which must be on the same mount.
 */
const foldersOf = ({ modelDir }: Instance): string[] => {
  if (modelDir === undefined) return [];
  const parent = dirname(modelDir);
  return [parent === "/" ? modelDir : parent];
};

function opened(written: readonly string[], read: readonly string[]): string[] {
  const isAtHome = [...written, ...read].some((path) => isBelow(path, "/home") || isBelow(path, "/root"));
  return [
    ...(isAtHome ? ["ProtectHome=read-only"] : []),
    ...written.map((folder) => `ReadWritePaths=${word(folder)}`),
  ];
}

/** What a restart driver needs of the unit that it runs in. */
function driverLines({ restart }: Instance): string[] {
  if (!restart) return [];
  if ("docker" in restart && restart.engine === "docker") return ["SupplementaryGroups=docker"];
  // The model server lives in the sidecar's unit: it needs its memory and devices, and outlives the sidecar.
  if ("child" in restart)
    return [
      "KillMode=process",
      "MemoryMax=infinity",
      "TasksMax=infinity",
      "PrivateDevices=no",
      "SystemCallFilter=",
    ];
  return [];
}

const afterModel = ({ restart }: Instance): string[] =>
  restart && "systemd" in restart && !restart.user ? [`After=${restart.systemd}`] : [];

/** systemctl asks polkit whether the user locum may restart a unit: these, and no others. */
function polkitRule(instances: readonly Instance[]): string | null {
  const units = instances.flatMap(({ restart }) =>
    restart && "systemd" in restart && !restart.user ? [restart.systemd] : [],
  );
  if (units.length === 0) return null;
  return `// The sidecar may restart the model servers that it watches, and no other unit.
polkit.addRule(function (action, subject) {
  var units = ${JSON.stringify([...new Set(units)])};
  if (action.id === "org.freedesktop.systemd1.manage-units" && subject.user === "locum"
      && units.indexOf(action.lookup("unit")) >= 0
      && ["restart", "kill"].indexOf(action.lookup("verb")) >= 0) return polkit.Result.YES;
});
`;
}

function warningsOf({ id, restart, modelDir }: Instance, { posture }: ServiceConfig): string[] {
  const warnings: string[] = [];
  if (modelDir !== undefined)
    warnings.push(`${id}: the user locum must be able to write ${dirname(modelDir)}, for restores`);
  if (restart && "exec" in restart)
    warnings.push(
      `${id}: restart.exec runs as the user locum, without new privileges: sudo does not work there`,
    );
  if (restart && "child" in restart)
    warnings.push(
      `${id}: restart.child runs the model server inside the sidecar's unit, without its memory limit`,
    );
  if (restart && "systemd" in restart && restart.user)
    warnings.push(
      `${id}: restart.systemd with user: true does not reach the user's manager from a system unit`,
    );
  if (posture === "tap" && restart === undefined)
    warnings.push(
      `${id}: no restart driver: a model server that is gone stays gone until its own unit starts it again`,
    );
  return warnings;
}

const isBelow = (path: string, folder: string): boolean => path.startsWith(`${folder}/`);

/** A percent sign begins a specifier, everywhere in a unit. */
const specifier = (text: string): string => plain(text).replaceAll("%", "%%");

/** One word of a list of paths: quoted where it has spaces. */
const word = (path: string): string => (/[\s;]/.test(path) ? `"${specifier(path)}"` : specifier(path));

/** One word of a command line, where a dollar sign begins a variable. */
const argument = (path: string): string => word(path).replaceAll("$", "$$$$");

/** Lists of paths know no escapes, so a path that would need one is refused. @throws Fault config-invalid */
function plain(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused.
  if (/[\u0000-\u001f\u007f"'\\]/.test(path))
    throw new Fault("config-invalid", `${JSON.stringify(path)} cannot be written into a unit`, {
      hint: "Use a path without quotes, backslashes and control characters.",
    });
  return path;
}
