/** Where `install.sh` of the offline bundle, and `locum systemd render`, expect things on a machine. */
export const places = {
  program: "/usr/local/bin/locum",
  config: "/etc/locum/locum.yaml",
  tokens: "/var/lib/locum/tokens.json",
  state: "/var/lib/locum",
} as const;

type Unit = {
  about: string;
  unit?: readonly string[];
  command: string;
  service?: readonly string[];
  /** What the model server's process would need as well, were it started here. */
  memoryMax: string;
};

const units: Record<string, Unit> = {
  "locum-collector.service": {
    about: "Locum collector",
    command: `collector --config ${places.config} --data-dir ${places.state}/collector`,
    service: [
      "StateDirectory=locum locum/collector",
      "StateDirectoryMode=0750",
      // No other process is this one's business.
      "ProtectProc=invisible",
      "ProcSubset=pid",
    ],
    memoryMax: "1G",
  },
  "locum-sidecar@.service": {
    about: "Locum sidecar of instance %i",
    unit: ["After=locum-collector.service"],
    command: `sidecar --config ${places.config} --instance %i --state-dir ${places.state}/%i --token-file \${CREDENTIALS_DIRECTORY}/tokens.json`,
    service: [
      `LoadCredential=tokens.json:${places.tokens}`,
      "StateDirectory=locum/%i",
      "StateDirectoryMode=0750",
    ],
    memoryMax: "192M",
  },
  "locum-up.service": {
    about: "Locum: collector, sidecars and one address on this machine",
    unit: ["Conflicts=locum-collector.service"],
    command: `up --config ${places.config} --out-dir ${places.state}`,
    service: ["StateDirectory=locum", "StateDirectoryMode=0750"],
    memoryMax: "2G",
  },
};

/**
 * The units that fit every machine, under the names that they have in deploy/systemd. Paths of one configuration come
 * as drop-ins. V8 writes machine code, so MemoryDenyWriteExecute is the one protection that cannot be had.
 */
export function unitFiles(): Record<string, string> {
  return Object.fromEntries(Object.entries(units).map(([name, unit]) => [name, unitText(unit)]));
}

/** The user of all units, and the folder of their state. */
export const machineFiles: Record<string, string> = {
  "sysusers.d/locum.conf": `u locum - "Locum" ${places.state} -\n`,
};

function unitText({ about, unit = [], command, service = [], memoryMax }: Unit): string {
  return `# Made by locum systemd render; a drop-in of your own (systemctl edit) outlives the next one.
[Unit]
Description=${about}
Documentation=https://locum.dev
Wants=network-online.target
After=network-online.target
${lines(unit)}# Whatever it died of, it is started again, for good.
StartLimitIntervalSec=0

[Service]
Type=exec
User=locum
Group=locum
ExecStart=${places.program} ${command}
Restart=always
RestartSec=1
# It drains for ten seconds.
TimeoutStopSec=20
KillMode=mixed
${lines(service)}MemoryMax=${memoryMax}
TasksMax=256
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}

const lines = (list: readonly string[]): string => list.map((line) => `${line}\n`).join("");
