import {
  Address,
  Collector,
  type CollectorElasticsearch,
  type CollectorKubernetes,
  type CollectorRepository,
  Fault,
  isLoopback,
  resolveCollectorPaths,
  type ServiceConfig,
  splitAddress,
} from "@locum/contracts";

/** What the collector runs by. Tokens and keys are files: nothing secret is ever an argument. */
export type CollectorConfig = {
  services: ServiceConfig[];
  listen: string;
  dataDir: string;
  tokenFile: string;
  tls: { cert: string; key: string } | null;
  /** Null where it knows the services of its files only. */
  kubernetes: CollectorKubernetes | null;
  /** Where the audit log is copied to; null where it is not. */
  elasticsearch: CollectorElasticsearch | null;
  /** Of snapshots, which it looks after. */
  repositories: CollectorRepository[];
};

export const collectorFlags = {
  config: { kind: "list", about: "service file; once for each service" },
  listen: { kind: "text", about: "host:port, instead of the first file's collector.listen" },
  "data-dir": { kind: "text", about: "folder, instead of the first file's collector.dataDir" },
} as const;

type Given = { listen?: string | undefined; "data-dir"?: string | undefined };

/**
 * One collector for several services: what concerns the process comes from the first file, or from LOCUM_COLLECTOR (the
 * part `collector` of a service file, as JSON), and flags win over both. Without a file Kubernetes names the services.
 * @throws Fault usage | config-invalid
 */
export function collectorConfig(
  services: readonly ServiceConfig[],
  flags: Given = {},
  text?: string | undefined,
): CollectorConfig {
  const collector = text === undefined ? services[0]?.collector : collectorPart(text);
  if (!collector) throw new Fault("usage", "expected --config FILE or LOCUM_COLLECTOR, found nothing");
  if (services.length === 0 && !collector.kubernetes)
    throw new Fault("usage", "expected --config FILE, found nothing", {
      hint: "Without a service file the part kubernetes has to be there: it finds the services.",
    });
  const names = services.map(({ service }) => service);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Fault("config-invalid", `the service ${twice} is configured twice`);
  const listen = flags.listen ?? collector.listen;
  if (!Address.safeParse(listen).success)
    throw new Fault("usage", `--listen: expected host:port, found "${listen}"`);
  const tls = collector.tls ?? null;
  if (!tls && !isLoopback(splitAddress(listen).host))
    throw new Fault("config-invalid", `${listen} is not loopback, and no certificate is given`, {
      hint: "Set collector.tls (cert and key), or listen on 127.0.0.1: tokens must not travel in the clear.",
    });
  return {
    services: [...services],
    listen,
    dataDir: flags["data-dir"] ?? collector.dataDir,
    tokenFile: collector.tokenFile,
    tls,
    kubernetes: collector.kubernetes ?? null,
    elasticsearch: collector.elasticsearch ?? null,
    repositories: checkRepositories(collector.repositories),
  };
}

/** Each service's snapshots lie in one repository, so that there is one answer to what can be restored. */
function checkRepositories(repositories: readonly CollectorRepository[]): CollectorRepository[] {
  const named = repositories.flatMap(({ services }) => services);
  const twice = named.find((name, at) => named.indexOf(name) !== at);
  if (twice !== undefined)
    throw new Fault("config-invalid", `collector.repositories: two of them have the service ${twice}`);
  if (repositories.filter(({ services }) => services.length === 0).length > 1)
    throw new Fault("config-invalid", "collector.repositories: two of them have no list of services", {
      hint: "Name the services of each; one of them at most may have all the others.",
    });
  return [...repositories];
}

function collectorPart(text: string): Collector {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Fault("config-invalid", "LOCUM_COLLECTOR: expected JSON, found something else", { cause });
  }
  const parsed = Collector.safeParse(value);
  const issue = parsed.error?.issues[0];
  if (!parsed.success)
    throw new Fault(
      "config-invalid",
      `LOCUM_COLLECTOR: ${issue?.path.join(".") || "value"}: ${issue?.message}`,
    );
  return resolveCollectorPaths(parsed.data, ".");
}
