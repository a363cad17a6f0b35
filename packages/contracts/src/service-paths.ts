import { dirname, join, resolve } from "node:path";
import type { Collector, ServiceConfig } from "./service.ts";

/** The same configuration with every path absolute: relative ones start at the folder of the service file. */
export function resolvePaths(config: ServiceConfig, file: string): ServiceConfig {
  const folder = dirname(resolve(file));
  const absolute = (path: string): string => resolve(folder, path);
  const given = <K extends string>(key: K, path: string | undefined): { [P in K]?: string } =>
    path === undefined ? {} : ({ [key]: absolute(path) } as { [P in K]?: string });
  return {
    ...config,
    releases: absolute(config.releases),
    collector: resolveCollectorPaths(config.collector, folder),
    inference: {
      ...config.inference,
      ...given("dir", config.inference.dir),
      ...(config.inference.s3
        ? {
            s3: {
              ...config.inference.s3,
              ...given("credentialsFile", config.inference.s3.credentialsFile),
            },
          }
        : {}),
    },
    snapshot: {
      ...config.snapshot,
      ...given("spareDir", config.snapshot.spareDir),
    },
    instances: config.instances.map((instance) => ({
      ...instance,
      ...given("modelDir", instance.modelDir),
      ...given("ca", instance.ca),
      ...given("headersFile", instance.headersFile),
      ...given("pidFile", instance.pidFile),
      ...(instance.restart && "child" in instance.restart
        ? { restart: { ...instance.restart, cwd: absolute(instance.restart.cwd ?? ".") } }
        : {}),
      sidecar: {
        ...instance.sidecar,
        stateDir: absolute(instance.sidecar.stateDir ?? join(".locum", `${config.service}-${instance.id}`)),
      },
    })),
  };
}

/** The same for the part of the collector alone. */
export function resolveCollectorPaths(
  { tls, ca, kubernetes, elasticsearch, ...collector }: Collector,
  folder: string,
): Collector {
  const absolute = (path: string): string => resolve(folder, path);
  const given = <K extends string>(key: K, path: string | undefined): { [P in K]?: string } =>
    path === undefined ? {} : ({ [key]: absolute(path) } as { [P in K]?: string });
  return {
    ...collector,
    ...given("ca", ca),
    ...(elasticsearch
      ? {
          elasticsearch: {
            ...elasticsearch,
            ...given("apiKeyFile", elasticsearch.apiKeyFile),
            ...given("readApiKeyFile", elasticsearch.readApiKeyFile),
            ...given("ca", elasticsearch.ca),
          },
        }
      : {}),
    ...(tls ? { tls: { cert: absolute(tls.cert), key: absolute(tls.key) } } : {}),
    ...(kubernetes ? { kubernetes: { ...kubernetes, ...given("kubeconfig", kubernetes.kubeconfig) } } : {}),
    dataDir: absolute(collector.dataDir),
    tokenFile: absolute(collector.tokenFile),
  };
}
