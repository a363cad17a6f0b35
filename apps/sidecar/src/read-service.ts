import {
  Fault,
  loadServiceFile,
  parseServiceFile,
  problemLine,
  Role,
  type ServiceConfig,
} from "@locum/contracts";

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * The service of this sidecar: the file that --config names, or, where injection wrote it beside the model, the text in
 * LOCUM_SERVICE. LOCUM_ROLE is the first role of an injected instance: a file of one instance could not say standby.
 * @throws Fault usage | config-unreadable | config-invalid
 */
export async function readService(file: string | undefined, env: Env): Promise<ServiceConfig> {
  if (file !== undefined) return loadServiceFile(file);
  const text = env.LOCUM_SERVICE;
  if (text === undefined || text === "")
    throw new Fault("usage", "expected --config FILE or a service in LOCUM_SERVICE, found neither");
  const parsed = parseServiceFile(text, { file: "/LOCUM_SERVICE" });
  if ("problems" in parsed) {
    const lines = parsed.problems.map((problem) => problemLine("LOCUM_SERVICE", problem));
    throw new Fault("config-invalid", `LOCUM_SERVICE has ${lines.length} problem(s):\n${lines.join("\n")}`, {
      hint: "It is written by injection: was it changed by hand?",
    });
  }
  const role = env.LOCUM_ROLE;
  if (role === undefined || role === "") return parsed.config;
  const first = Role.exclude(["fenced"]).safeParse(role);
  if (!first.success) throw new Fault("usage", `LOCUM_ROLE: expected active or standby, found ${role}`);
  return {
    ...parsed.config,
    instances: parsed.config.instances.map((instance) => ({ ...instance, role: first.data })),
  };
}

/** Where peers reach a listener: a pod that listens everywhere is known by its own address. */
export function advertised(url: string, { LOCUM_ADDRESS: address }: Env): string {
  const { hostname, port, protocol } = new URL(url);
  if (!address || (hostname !== "0.0.0.0" && hostname !== "[::]")) return url;
  return `${protocol}//${address.includes(":") ? `[${address}]` : address}:${port}`;
}
