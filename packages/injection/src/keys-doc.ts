import { emittersTable } from "./emitters.ts";
import { domain, keyTable, label } from "./keys.ts";
import { declineReasons } from "./reasons.ts";
import { serverRows } from "./recognise.ts";

/** docs/injection.md, from the one table of keys and the one list of reasons. */
export function keysDoc(): string {
  const rows = Object.entries(keyTable).map(
    ([name, { values, fallback, about, ...row }]) =>
      `| \`${name}\` | ${values} | ${"shown" in row ? row.shown : fallback} | ${about} |`,
  );
  const movers = serverRows.map(({ server, grpc, ...http }) => {
    const ways = [http.portFlags, http.portEnv, grpc?.flags, grpc?.env].flatMap((names) => names ?? []);
    const shown = ways.map((name) => `\`${name}\``).join(", ");
    return `   | ${server} | ${shown || "not moved: it has no flag or variable for its port alone"} |`;
  });
  const reasons = Object.entries(declineReasons).map(([reason, hint]) => `| \`${reason}\` | ${hint} |`);
  return `# Injection

A pod asks for a sidecar with one **label** on its template: \`${label}: enabled\`. \`disabled\` keeps it out where the
namespace is labelled \`${domain}/injection: enabled\`; the pod's own label wins. Everything else is an **annotation** on
the same template, all under \`${domain}/\`. An unknown key or a bad value is never ignored: nothing is injected, and the
reason is told.

\`locum inject -f FILE\` writes the same sidecar into a file, \`locum uninject\` takes it out again, byte for byte.
Compose files take the keys as labels of a service; systemd units as \`Key=value\` in a section \`[X-Locum]\`, with
\`Inject=enabled\`. The sidecar's unit (\`-o unit\`) gets its token for the collector as a systemd credential; \`--token-file\`
and \`--ca-file\` name the files of that machine.

## Keys

| key | values | default | meaning |
| --- | --- | --- | --- |
${rows.join("\n")}

## What it leaves in an object

| key | where | holds |
| --- | --- | --- |
| \`${domain}/status\` | annotation of the pod template | version, what was added, what each overwritten field was |
| \`${domain}/source\` | annotation of the object in the file | the places of the edits, so that \`uninject\` is exact |
| \`${domain}/role\` | label of the pod, exclusive services only | \`active\` or \`standby\`; the collector moves it |
| \`kubectl.kubernetes.io/default-container\` | annotation of the pod template | the model's container, where none was named |

## The sidecar

Container \`locum-sidecar\`: user and group 65532, read-only root, no capabilities, no privilege escalation, seccomp
\`RuntimeDefault\`; it passes the restricted Pod Security standard. Ports 8471 (tap) and 8472 (control). It gets its
service in \`LOCUM_SERVICE\`, its first role in \`LOCUM_ROLE\`, the probes that it asks in the kubelet's place in
\`LOCUM_PROBES\`, and a projected token for the collector. The pod's own token for the Kubernetes API is not mounted into it.

It is a native sidecar (an init container with \`restartPolicy: Always\`) after those of a mesh and before all other init
containers, or an ordinary container that the model waits for.

## How the tap comes into the path

In this order, and the first that is certain is taken:

1. **By name.** The model's named port is renamed to \`locum-app\`, and its name is the tap's. Services that target the name
   lead to the tap.
2. **By number.** A server whose flag or variable is known is moved to a free port, from 8474 on, and the tap listens on the
   number that it had. Probes and hooks that name the number go with the server; a probe that runs a program which names it
   asks the tap from then on, and is told (\`probe_through_tap\`).

   | server | moved by |
   | --- | --- |
${movers.join("\n")}

   Not moved: a port below 1024, a number that comes from elsewhere (a reference, a ConfigMap), a flag that stands twice, and
   arguments that belong to a launcher or a shell where the flag is not said. A port in MLServer's \`settings.json\` wins over
   its variables: write it there, or give the port a name.
3. **By its Service**, in text only: where the Services are in the same input, they are pointed at the tap.
4. Else nothing is injected: \`numeric_service_port\`.

## A start while the model's source is away

With \`on-source-failure: use-snapshot\` the sidecar keeps a verified copy of each proven release on the snapshot volume, with
the signed release beside it, under the service's name; pods of one service may share the volume, which user 65532 has to
be able to write (\`fsGroup\`). At the start, before it answers its startup probe and so before all that waits for it, it
looks into the model's folder. One that is empty, or that holds some of a release's files and nothing else, is filled from
the newest approved release of which a copy is there. Other files are never touched. The bytes are then judged as always:
what an init container writes over them is its own business.

A filled folder helps only those who look into it first. An init container that fails without its source keeps the pod from
starting, and a server that asks a hub by name may not look at all: both are told at injection, as \`source_still_needed\`.
As an ordinary container the sidecar fills after the init containers, and before the model's server.

## Who puts it in

One function decides, and three emitters write what it decided: \`locum inject\` into files, the webhook into pods as they are
made, and a MutatingAdmissionPolicy (\`locum install --admission policy\`), which is that function in the API server's own
language. What the policy does not cover it leaves as it is, and the guard says so (\`not_injected\`, with the key where it is
one): as a warning, or as a refusal, by \`guard\` of the installation.

${emittersTable()}

## Why nothing was injected

| reason | what to do |
| --- | --- |
${reasons.join("\n")}
`;
}
