/**
 * What each image runs. The Dockerfiles in deploy/images say the same, and test/images holds them equal. A heap of
 * 64 MB and one megabyte for young objects keep the sidecar small under large bodies; one arena of malloc keeps what
 * was freed from being scattered.
 */
export const components = {
  sidecar: {
    about: "Locum's sidecar: stands beside a model server, checks its answers and puts its files back",
    flags: ["--max-semi-space-size=1", "--max-old-space-size=64"],
    ports: [8471, 8472, 8473],
  },
  collector: {
    about: "Locum's collector: decides, commands and keeps the audit log",
    flags: ["--max-semi-space-size=4", "--max-old-space-size=512"],
    ports: [8470],
  },
  injector: {
    about: "Locum's injector: the admission webhook that puts sidecars into pods",
    flags: ["--max-semi-space-size=4", "--max-old-space-size=128"],
    ports: [8443, 8080],
  },
  cli: {
    about: "The command locum",
    flags: [],
    ports: [],
  },
};

export const env = {
  PATH: "/usr/local/bin",
  MALLOC_ARENA_MAX: "1",
  NODE_ENV: "production",
  HOME: "/var/lib/locum",
};

export const entrypointOf = (name) => [
  "/usr/local/bin/node",
  ...components[name].flags,
  `/opt/locum/${name}.cjs`,
];

export const labelsOf = (name, { version, revision, created }) => ({
  "org.opencontainers.image.title": `locum-${name}`,
  "org.opencontainers.image.description": components[name].about,
  "org.opencontainers.image.licenses": "Apache-2.0",
  "org.opencontainers.image.vendor": "Locum",
  "org.opencontainers.image.version": version,
  "org.opencontainers.image.revision": revision,
  "org.opencontainers.image.created": created,
});
