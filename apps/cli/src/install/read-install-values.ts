import { resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { type InstallValues, installValues } from "@locum/injection";
import type { FlagSpec } from "@locum/runtime";
import { type Kubernetes, resources } from "@locum/runtime/kubernetes";
import { parse } from "yaml";
import { readInputs } from "../inject/read-inputs.ts";
import type { Io } from "../io.ts";

export const valuesFlags = {
  values: {
    kind: "text",
    short: "f",
    about: "YAML of the installation: deploy/kubernetes/values.schema.json",
  },
  admission: {
    kind: "text",
    about: "webhook, or policy: the API server injects by itself (Kubernetes 1.36)",
  },
} as const satisfies Record<string, FlagSpec>;

/**
 * The values of an installation: the file, and flags over it.
 * @throws Fault usage | not-found | config-invalid
 */
export async function readInstallValues(
  { values, admission }: { values: string | undefined; admission: string | undefined },
  io: Io,
): Promise<InstallValues> {
  const given = values === undefined ? {} : await readFileOf(resolve(io.cwd, values), io);
  return installValues({ ...given, ...(admission === undefined ? {} : { admission }) });
}

/** Where nobody says how old the oldest kubelet is, the nodes do: on it depends how sidecars end. */
export async function withKubelets(values: InstallValues, kubernetes: Kubernetes): Promise<InstallValues> {
  if (values.inject.kubeletMin !== undefined) return values;
  const { items } = await kubernetes.list(resources.nodes).catch((error: unknown) => {
    // Who may install need not be allowed to see nodes: then ordinary containers are used, which every kubelet runs.
    if (error instanceof Fault && error.code === "not-authorised") return { items: [] };
    throw error;
  });
  const minors = items.flatMap(({ status }) => {
    const { kubeletVersion } =
      (status as { nodeInfo?: { kubeletVersion?: string } } | undefined)?.nodeInfo ?? {};
    const [, minor] = /^(?:\w+-)?v1\.(\d{1,3})/.exec(kubeletVersion ?? "") ?? [];
    return minor === undefined ? [] : [Number(minor)];
  });
  if (minors.length === 0 || minors.length < items.length) return values;
  return { ...values, inject: { ...values.inject, kubeletMin: `1.${Math.min(...minors)}` } };
}

async function readFileOf(path: string, io: Io): Promise<Record<string, unknown>> {
  const [input] = await readInputs([path], { io });
  try {
    const value: unknown = parse(input?.text ?? "") ?? {};
    if (typeof value !== "object" || Array.isArray(value)) throw new Error("expected a mapping");
    return value as Record<string, unknown>;
  } catch (cause) {
    throw new Fault("config-invalid", `--values ${path}: ${(cause as Error).message.split("\n", 1)[0]}`, {
      cause,
    });
  }
}
