import { Address, Fault, isLoopback, type ServiceConfig, splitAddress } from "@locum/contracts";

/** What the collector runs by. Tokens and keys are files: nothing secret is ever an argument. */
export type CollectorConfig = {
  services: ServiceConfig[];
  listen: string;
  dataDir: string;
  tokenFile: string;
  tls: { cert: string; key: string } | null;
};

export const collectorFlags = {
  config: { kind: "list", required: true, about: "service file; once for each service" },
  listen: { kind: "text", about: "host:port, instead of the first file's collector.listen" },
  "data-dir": { kind: "text", about: "folder, instead of the first file's collector.dataDir" },
} as const;

type Given = { listen?: string | undefined; "data-dir"?: string | undefined };

/**
 * One collector for several services: what concerns the process comes from the first file, and flags win over it.
 * @throws Fault usage | config-invalid
 */
export function collectorConfig(services: readonly ServiceConfig[], flags: Given = {}): CollectorConfig {
  const [first] = services;
  if (!first) throw new Fault("usage", "expected --config FILE, found nothing");
  const names = services.map(({ service }) => service);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Fault("config-invalid", `the service ${twice} is configured twice`);
  const { collector } = first;
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
  };
}
