import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import {
  Fault,
  type Instance,
  loadServiceFile,
  parseServiceFile,
  type ServiceConfig,
} from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import { defineCommand } from "../command.ts";
import { configFlag } from "../config-flag.ts";
import { renderSystemd } from "../systemd/render-systemd.ts";
import { places } from "../systemd/unit-files.ts";

export const systemdRender = defineCommand({
  usage: "systemd render",
  about:
    "Prints hardened units for this service: the collector, a sidecar an instance, or all of it as locum up; and for each a drop-in that opens what the service file names, and nothing else.",
  examples: [
    ["locum systemd render", "to read them"],
    ["locum systemd render --out /etc", "writes /etc/systemd/system/locum-*.service"],
    ["locum systemd render --instance a --out DIR", "for the machine of one instance"],
  ],
  flags: {
    ...configFlag,
    at: { kind: "text", fallback: places.config, about: "where the service file lies on that machine" },
    instance: { kind: "list", about: "instances of that machine; all if none is named" },
    out: { kind: "text", about: "folder to write to, in place of /etc" },
  },
  async run({ flags, io, out }) {
    const config = await readFor(resolve(io.cwd, flags.config), flags.at);
    const { files, warnings } = renderSystemd(config, {
      instances: named(config, flags.instance),
      at: flags.at,
    });
    for (const [path, text] of Object.entries(files)) {
      if (flags.out === undefined) out.say(`# /etc/${path}\n${text}`);
      else {
        const file = join(resolve(io.cwd, flags.out), path);
        await mkdir(dirname(file), { recursive: true });
        await writeFileAtomic(file, text, { mode: 0o644 });
        out.say(file);
      }
    }
    for (const warning of warnings) out.progress(`note: ${warning}`);
    out.summary({ files, warnings });
    return 0;
  },
});

/** Relative paths of the file start where it will lie, not where it lies now. */
async function readFor(file: string, at: string): Promise<ServiceConfig> {
  if (!at.startsWith("/")) throw new Fault("usage", `--at ${at}: expected an absolute path`);
  await loadServiceFile(file);
  const parsed = parseServiceFile(await readFile(file, "utf8"), { file: at });
  if ("config" in parsed) return parsed.config;
  throw new Fault("config-invalid", `${file}: as ${at} it has ${parsed.problems.length} problem(s)`);
}

function named({ instances }: ServiceConfig, ids: readonly string[]): Instance[] {
  const unknown = ids.find((id) => !instances.some((instance) => instance.id === id));
  if (unknown !== undefined)
    throw new Fault(
      "not-found",
      `no instance ${unknown}; there are ${instances.map(({ id }) => id).join(", ")}`,
    );
  return ids.length === 0 ? instances : instances.filter(({ id }) => ids.includes(id));
}
