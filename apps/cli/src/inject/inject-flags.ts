import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { InjectConfig, InstallValues, injectConfig, installValues, sidecarConfig } from "@locum/injection";
import type { FlagSpec, Flags } from "@locum/runtime";
import { parse } from "yaml";
import type { Io } from "../io.ts";
import { readInputs } from "./read-inputs.ts";

/** What every verb of injection takes: where the objects are, and what the cluster says for all of them. */
export const injectFlags = {
  file: { kind: "list", short: "f", about: "file, folder, or - for standard input" },
  values: { kind: "text", about: "YAML of the cluster's injection values, as locum install takes them" },
  image: { kind: "text", about: "image of the sidecar" },
  collector: { kind: "text", about: "https:// URL of the collector" },
  kubelet: {
    kind: "text",
    about: "version of the oldest kubelet, such as 1.33: native sidecars from there on",
  },
} as const satisfies Record<string, FlagSpec>;

/** @throws Fault usage | not-found | config-invalid */
export async function readInjectConfig(flags: Flags<typeof injectFlags>, io: Io): Promise<InjectConfig> {
  const { values, image, collector, kubelet } = flags;
  const base = values === undefined ? {} : await readValues(resolve(io.cwd, values), io);
  return injectConfig({
    ...base,
    ...(image === undefined ? {} : { image }),
    ...(collector === undefined ? {} : { collector: { ...objectOf(base.collector), url: collector } }),
    ...(kubelet === undefined ? {} : { kubeletMin: kubelet }),
  });
}

async function readValues(path: string, io: Io): Promise<Record<string, unknown>> {
  const [input] = await readInputs([path], { io });
  try {
    const value: unknown = parse(input?.text ?? "");
    if (typeof value !== "object" || value === null || Array.isArray(value))
      throw new Error("expected a mapping");
    return isOfInstall(value) ? { ...sidecarConfig(installValues(value)) } : { ...value };
  } catch (cause) {
    throw new Fault("config-invalid", `--values ${path}: ${(cause as Error).message.split("\n", 1)[0]}`, {
      cause,
    });
  }
}

/** A file for locum install gives what its sidecars would get; one for injection alone gives that itself. */
const isOfInstall = (value: object): boolean =>
  Object.keys(value).some(
    (key) => Object.hasOwn(InstallValues.shape, key) && !Object.hasOwn(InjectConfig.shape, key),
  );

const objectOf = (value: unknown): object => (typeof value === "object" && value !== null ? value : {});
