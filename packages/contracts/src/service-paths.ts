import { dirname, join, resolve } from "node:path";
import type { Collector, ServiceConfig } from "./service.ts";
import type { SnapshotHook } from "./snapshot-hook.ts";
import type { SnapshotRepository } from "./snapshot-repository.ts";

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
    snapshot: resolveSnapshotPaths(config.snapshot, folder),
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

function resolveSnapshotPaths(
  { repository, peers, spareDir, ...snapshot }: ServiceConfig["snapshot"],
  folder: string,
): ServiceConfig["snapshot"] {
  const absolute = (path: string): string => resolve(folder, path);
  return {
    ...snapshot,
    ...(spareDir === undefined ? {} : { spareDir: absolute(spareDir) }),
    ...(repository ? { repository: resolveRepositoryPaths(repository, folder) } : {}),
    ...(peers
      ? { peers: { ...peers, ca: absolute(peers.ca), cert: absolute(peers.cert), key: absolute(peers.key) } }
      : {}),
  };
}

/** A place with a scheme is no path. */
const absolutePlace = (place: string, folder: string): string =>
  /^[a-z][a-z0-9+.-]*:\/\//i.test(place) ? place : resolve(folder, place);

function resolveRepositoryPaths(repository: SnapshotRepository, folder: string): SnapshotRepository {
  const absolute = (path: string): string => resolve(folder, path);
  const { place, writerDir, credentialsFile, privateKeyFile, signerFile, include, hooks } = repository;
  return {
    ...repository,
    place: absolutePlace(place, folder),
    writerDir: absolute(writerDir),
    ...(credentialsFile === undefined ? {} : { credentialsFile: absolute(credentialsFile) }),
    ...(privateKeyFile === undefined ? {} : { privateKeyFile: absolute(privateKeyFile) }),
    ...(signerFile === undefined ? {} : { signerFile: absolute(signerFile) }),
    include: include.map(absolute),
    hooks: hooks.map((hook) => ({ ...hook, ...filesOf(hook, absolute) })),
  };
}

/** Whatever a kind of hook calls its files, their keys end so. */
const filesOf = (hook: SnapshotHook, absolute: (path: string) => string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(hook)
      .filter((entry): entry is [string, string] => /file$/i.test(entry[0]) && typeof entry[1] === "string")
      .map(([key, path]) => [key, absolute(path)]),
  );

/** The same for the part of the collector alone. */
export function resolveCollectorPaths(
  { tls, ca, kubernetes, elasticsearch, repositories, ...collector }: Collector,
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
    repositories: repositories.map(({ place, credentialsFile, privateKeyFile, recipientsFile, ...rest }) => ({
      ...rest,
      place: absolutePlace(place, folder),
      ...given("credentialsFile", credentialsFile),
      ...given("recipientsFile", recipientsFile),
      privateKeyFile: absolute(privateKeyFile),
    })),
    dataDir: absolute(collector.dataDir),
    tokenFile: absolute(collector.tokenFile),
  };
}
