import { relative, sep } from "node:path";
import type { OperatorKey } from "../operator-key.ts";
import { visible } from "../table.ts";
import { tensorText } from "../tensor-text.ts";
import type { Looked } from "./look-at-instance.ts";

/** The service file of what was found, with the choices that a person may want to change written out and explained. */
export function writeServiceYaml({
  service,
  instances,
  listen,
  approver,
  headersFile,
  ca,
}: {
  service: string;
  instances: readonly Looked[];
  listen: string;
  approver: OperatorKey["approver"];
  headersFile?: string | undefined;
  ca?: string | undefined;
}): string {
  const canRestore = instances.every(({ restore }) => restore?.method !== "none");
  const isListed = instances.every(({ detection }) => detection.modelsKnown);
  const names = [...new Set(instances.flatMap(({ models }) => models.map(({ name }) => name)))].sort();
  return `# yaml-language-server: $schema=https://locum.dev/service.schema.json
# One service: several servers of one model. Every key and its default: docs/service.schema.json.
# Check this file after a change: locum check --config FILE
apiVersion: locum.dev/v1alpha1
service: ${quote(service)}

# stateless: several actives are harmless. exclusive: exactly one may be active.
class: stateless

# watch: not in the path of requests. tap: in the path, so that a failed request is sent again to a fit instance.
posture: tap

# Address of the service under locum up. Port 0 lets the system choose at each start.
listen: ${quote(listen)}

instances:
${instances.map((one, index) => instanceYaml(one, index, { all: instances, headersFile, ca })).join("")}
# Models that the goldens prove; all that have goldens if empty.${isListed ? "" : " This server keeps no list of its own."}
models: [${isListed ? "" : names.map(quote).join(", ")}]

# Signed releases (files, answers, configuration) lie here: locum golden record writes the first one.
releases: releases

# Who may approve a release. The private key stays in the operator's own folder.
approvers:
  - keyId: ${quote(approver.keyId)}
    publicKey: ${quote(approver.publicKey)}

failover:
  # auto, or dry-run: decides and records, and does nothing.
  mode: auto
  # Files that belong to no approved release: restore puts an approved one back; hold leaves them and says so.
  # Choose hold where another system deploys without locum approve.
  onUnapproved: ${canRestore ? "restore" : "hold"}
  # true: wrong is worse than absent, so that nobody answers where nobody is proven right.
  failClosed: false

golden:
  # When every instance of a release answers otherwise than recorded: serve | refuse | rollback.
  allWrong: serve

objectives:
  detectMs: 2000
  rtoMs: 5000
  restoreMs: 30000
`;
}

type Around = { all: readonly Looked[]; headersFile: string | undefined; ca: string | undefined };

function instanceYaml(one: Looked, index: number, { all, headersFile, ca }: Around): string {
  const { id, url, detection, httpJson, models, modelDir, restore } = one;
  const { server } = detection;
  const about = server ? `${server.name} ${server.version ?? ""}`.trim() : detection.protocol;
  const volume = volumeOf(one, all);
  const lines = [
    `  # ${comment(about)}: ${comment(models.map(modelText).join("; ") || "no model describes itself now")}`,
    `  - id: ${quote(id)}`,
    `    url: ${quote(url)}`,
    `    protocol: ${detection.protocol}`,
    ...(detection.grpc === undefined ? [] : [`    grpc: ${quote(detection.grpc)}`]),
    ...(detection.management === undefined ? [] : [`    management: ${quote(detection.management)}`]),
    ...(httpJson ? [`    httpJson: ${JSON.stringify(httpJson)}`] : []),
    `    role: ${index === 0 ? "active" : "standby"}`,
    ...(modelDir === undefined
      ? ["    # modelDir: the folder that it reads; without it only answers are judged"]
      : [
          `    # restore by ${restore?.method ?? "none"}: ${comment(restore?.reason ?? "")}`,
          `    modelDir: ${quote(modelDir)}`,
        ]),
    ...(volume === undefined ? [] : [`    volume: ${quote(volume)} # shares its files: one failure domain`]),
    ...(headersFile === undefined ? [] : [`    headersFile: ${quote(headersFile)}`]),
    ...(ca === undefined ? [] : [`    ca: ${quote(ca)}`]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Instances whose folders are one, or lie in each other, are named as one volume after the first of them. */
function volumeOf(one: Looked, all: readonly Looked[]): string | undefined {
  const sharing = all.filter((other) => overlaps(one.realDir, other.realDir));
  return sharing.length > 1 ? `files-of-${sharing[0]?.id}` : undefined;
}

function overlaps(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  const inside = (path: string, folder: string): boolean => {
    const way = relative(folder, path);
    return way === "" || (way !== ".." && !way.startsWith(`..${sep}`));
  };
  return inside(a, b) || inside(b, a);
}

const modelText = ({ name, inputs, outputs }: Looked["models"][number]): string =>
  `${name} (${inputs.map(tensorText).join(", ") || "?"} -> ${outputs.map(tensorText).join(", ") || "?"})`;

/** JSON text is a YAML text whatever it holds; without quotes some names are numbers or truth values. */
const quote = (text: string): string => JSON.stringify(text);
const comment = (text: string): string => visible(text).slice(0, 300);
