type Obj = Record<string, unknown>;

/** What in a Compose file leads nowhere, or runs with more power than it has to: the rules of its specification that matter here. */
export function composeProblems(file: {
  services?: Record<string, Obj>;
  volumes?: Obj;
  networks?: Obj;
}): string[] {
  const { services = {}, volumes = {}, networks = {} } = file;
  return Object.entries(services).flatMap(([name, service]) => [
    ...unknownKeys(service).map((key) => `${name}: ${key} is no key of a service`),
    ...imageProblems(service).map((problem) => `${name}: ${problem}`),
    ...listOf(service.depends_on)
      .filter((other) => !Object.hasOwn(services, other))
      .map((other) => `${name} depends on ${other}, which is not there`),
    ...listOf(service.networks)
      .filter((network) => !Object.hasOwn(networks, network))
      .map((network) => `${name}: there is no network ${network}`),
    ...modeProblems(service, services).map((problem) => `${name}: ${problem}`),
    ...listOf(service.volumes).flatMap((volume) => {
      const [source = "", target = ""] = volume.split(":");
      const isKnown = source.startsWith("./") || Object.hasOwn(volumes, source);
      return isKnown && target.startsWith("/") ? [] : [`${name}: ${volume} is no volume`];
    }),
  ]);
}

const keys = new Set(
  `cap_drop command depends_on environment image logging mem_limit network_mode networks ports read_only restart
  security_opt user volumes`.split(/\s+/),
);
const unknownKeys = (service: Obj): string[] => Object.keys(service).filter((key) => !keys.has(key));

/** No tag that may mean something else tomorrow: a digest, or a variable that has to be set. */
const imageProblems = ({ image }: Obj): string[] =>
  /@sha256:|^\$\{[A-Z_]+:\?[^}]+\}$/.test(String(image)) ? [] : [`${image} is no digest`];

function modeProblems({ network_mode: mode, networks, ports }: Obj, services: Record<string, Obj>): string[] {
  if (mode === undefined) return [];
  const owner = /^service:(.+)$/.exec(String(mode))?.[1];
  return [
    ...(owner !== undefined && Object.hasOwn(services, owner) ? [] : [`network_mode ${mode} leads nowhere`]),
    ...(networks === undefined && ports === undefined
      ? []
      : ["has a network of its own beside network_mode"]),
  ];
}

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
