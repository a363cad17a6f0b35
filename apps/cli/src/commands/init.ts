import { access } from "node:fs/promises";
import { resolve } from "node:path";
import { Fault, Name, parseServiceFile, problemLine } from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import { defineCommand } from "../command.ts";
import { type Looked, lookAtInstance } from "../init/look-at-instance.ts";
import { readHttpJson } from "../init/read-http-json.ts";
import { writeServiceYaml } from "../init/write-service-yaml.ts";
import type { Io } from "../io.ts";
import { ensureOperatorKey, operatorKeyFile } from "../operator-key.ts";
import type { Output } from "../output.ts";
import { readPlaces } from "../read-places.ts";

const instancesMax = 64;

export const init = defineCommand({
  usage: "init --service S --upstream URL ...",
  about:
    "Looks at running model servers and writes a working, commented configuration: protocol, models, tensors, how the files of each can be put back, and your key as approver. The first server is active, the others stand by.",
  examples: [
    [
      "locum init --service resnet --upstream http://h1:8000 --upstream http://h2:8000",
      "answers are judged; files are not at hand",
    ],
    [
      "locum init --service resnet --upstream http://h1:8000 --model-dir /srv/a --upstream http://h2:8000 --model-dir /srv/b",
      "files too: a folder for each server, in their order; - for none",
    ],
    [
      "locum init --service s --upstream http://h1:5000 --infer-path /predict --output 'scores=$.result.scores'",
      "any HTTP and JSON",
    ],
  ],
  flags: {
    service: { kind: "text", required: true, about: "name of the service" },
    upstream: { kind: "list", required: true, about: "a model server" },
    "model-dir": { kind: "list", about: "the folder that it reads: of one model or a whole repository" },
    "upstream-grpc": {
      kind: "list",
      about: "host:port of its gRPC, if not on the port above or 8001; - for none named",
    },
    management: { kind: "list", about: "URL of TorchServe's management API, if not on the port above" },
    out: { kind: "text", fallback: "locum.yaml", about: "the file to write" },
    listen: { kind: "text", fallback: "127.0.0.1:0", about: "address of the service under locum up" },
    model: { kind: "list", about: "a model, where a server keeps no list" },
    "infer-path": {
      kind: "text",
      about: "of a server of no known protocol: the path that takes a request",
    },
    "live-path": { kind: "text", about: "there: the path that says that it lives, / if absent" },
    "reload-path": { kind: "text", about: "there: the path that makes it read its model again" },
    output: { kind: "list", about: "there: NAME=JSONPATH of an output in the answer; the whole if absent" },
    "headers-file": { kind: "text", about: "JSON object of headers for the servers" },
    ca: { kind: "text", about: "PEM of the authority of their certificates" },
    force: { kind: "switch", about: "overwrite the file" },
  },
  async run({ flags, io, out }) {
    const { upstream: upstreams, "model-dir": modelDirs, out: given } = flags;
    const { "upstream-grpc": grpcs, management: managements } = flags;
    if (!Name.safeParse(flags.service).success)
      throw new Fault(
        "usage",
        `--service ${flags.service}: expected lower-case letters, digits, '-' and '.'`,
      );
    refuseUnpaired(upstreams, { "model-dir": modelDirs, "upstream-grpc": grpcs, management: managements });
    const places = upstreams.map((_, index) =>
      readPlaces({ "upstream-grpc": named(grpcs[index]), management: named(managements[index]) }),
    );
    const httpJson = readHttpJson(flags);
    const file = resolve(io.cwd, given);
    if (!flags.force) await refuseExisting(file, given);
    const headersFile = absolute(io, flags["headers-file"]);
    const ca = absolute(io, flags.ca);
    const instances = await Promise.all(
      upstreams.map((url, index) =>
        lookAtInstance({
          id: instanceId(index),
          url,
          modelDir: named(modelDirs[index]),
          named: flags.model,
          places: places[index] ?? {},
          httpJson,
          ca,
          headersFile,
          cwd: io.cwd,
        }),
      ),
    );
    const key = await ensureOperatorKey(operatorKeyFile(io));
    const { service, listen } = flags;
    const text = writeServiceYaml({ service, instances, listen, approver: key.approver, headersFile, ca });
    const parsed = parseServiceFile(text, { file });
    if ("problems" in parsed)
      throw new Fault(
        "config-invalid",
        parsed.problems.map((problem) => problemLine(given, problem)).join("\n"),
        {
          hint: "Nothing was written. Every server needs a URL of its own, and --listen a free host:port.",
        },
      );
    await writeFileAtomic(file, text);
    report(out, { instances, key, file: given });
    return 0;
  },
});

/** Flags of one server each stand in the order of the servers. */
function refuseUnpaired(upstreams: readonly string[], paired: Record<string, readonly string[]>): void {
  const [more] = Object.entries(paired).filter(([, values]) => values.length > upstreams.length);
  if (upstreams.length <= instancesMax && !more) return;
  const found = more ? ` and ${more[1].length} --${more[0]}` : "";
  throw new Fault("usage", `found ${upstreams.length} --upstream${found}`, {
    hint: `At most ${instancesMax} servers; each --${more?.[0] ?? "model-dir"} belongs to the --upstream of its place, - for none.`,
  });
}

async function refuseExisting(file: string, given: string): Promise<void> {
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  if (exists)
    throw new Fault("conflict", `${given} exists`, {
      hint: "Choose another file with --out, or overwrite it with --force.",
    });
}

const absolute = (io: Io, path: string | undefined): string | undefined =>
  path === undefined ? undefined : resolve(io.cwd, path);
const named = (text: string | undefined): string | undefined =>
  text === "-" || text === "" ? undefined : text;
const instanceId = (index: number): string => "abcdefghijklmnopqrstuvwxyz"[index] ?? `i${index + 1}`;

function report(
  out: Output,
  {
    instances,
    key,
    file,
  }: { instances: readonly Looked[]; key: Awaited<ReturnType<typeof ensureOperatorKey>>; file: string },
): void {
  out.table(
    ["id", "role", "server", "models", "files put back by"],
    instances.map(({ id, detection, models, restore }, index) => [
      id,
      index === 0 ? "active" : "standby",
      `${detection.server?.name ?? detection.protocol} ${detection.server?.version ?? ""}`.trim(),
      models.map(({ name }) => name).join(" ") || { text: "none answers", colour: "warn" },
      restore?.method ?? "no folder named",
    ]),
  );
  out.say("");
  for (const { id, restore, silent } of instances) {
    if (restore) out.say(`${id}: ${restore.method}: ${restore.reason}`);
    if (silent.length > 0) out.say(`${id}: not ready now: ${silent.join(", ")}`);
  }
  out.say(`key     ${key.file} (${key.made ? "made now; keep it" : "yours"}), id ${key.approver.keyId}`);
  out.say(`written ${file}`);
  out.say("\nNext:");
  out.say(`  locum golden record --config ${file} --inputs requests.json`);
  out.say(`  locum up --config ${file}`);
  out.summary({
    file,
    key: key.file,
    keyId: key.approver.keyId,
    instances: instances.map(({ id, url, detection, models, silent, modelDir, restore }) => ({
      id,
      url,
      protocol: detection.protocol,
      grpc: detection.grpc ?? null,
      management: detection.management ?? null,
      server: detection.server ?? null,
      models,
      silent,
      modelDir: modelDir ?? null,
      restore: restore ? { method: restore.method, reason: restore.reason } : null,
    })),
  });
}
