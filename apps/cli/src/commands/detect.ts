import { Fault } from "@locum/contracts";
import { connect, type Detection, detect } from "@locum/serving";
import { defineCommand } from "../command.ts";
import { accessTo } from "../connect-instance.ts";
import type { Output } from "../output.ts";
import { readPlaces } from "../read-places.ts";
import { type ServedModels, servedModels } from "../served-models.ts";
import { tensorText } from "../tensor-text.ts";
import { wholeNumber } from "../whole-number.ts";

export const detectServer = defineCommand({
  usage: "detect URL",
  about: "Asks a model server what it is: protocols, server, models with their tensors. Changes nothing.",
  examples: [
    [
      "locum detect http://127.0.0.1:8000",
      "Triton, KServe, MLServer, TorchServe, TF Serving, vLLM and others",
    ],
    ["locum detect http://127.0.0.1:8000 --model resnet", "for a server that keeps no list"],
    ["locum detect http://127.0.0.1:8000 --upstream-grpc 127.0.0.1:9000", "gRPC is on a port of its own"],
  ],
  flags: {
    model: { kind: "list", about: "a model to ask for, where the server keeps no list" },
    "upstream-grpc": {
      kind: "text",
      about: "host:port of its gRPC; looked for on its own port, the one above and 8001 if absent",
    },
    management: { kind: "text", about: "URL of TorchServe's management API; the port above if absent" },
    "headers-file": { kind: "text", about: "JSON object of headers for the server" },
    ca: { kind: "text", about: "PEM of the authority of its certificate" },
    "timeout-ms": { kind: "text", fallback: "2000", about: "of finding out what it is" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [url], io, out }) {
    if (url === undefined) throw new Fault("usage", "expected a URL, found nothing");
    const places = readPlaces(flags);
    const access = await accessTo({ url, ca: flags.ca, headersFile: flags["headers-file"], ...places });
    const timeoutMs = wholeNumber("timeout-ms", flags["timeout-ms"], { min: 50, max: 600_000 });
    const untilMs = io.clock.monotonicMs() + timeoutMs + describingMs;
    const found = await detect(url, { ...access, timeoutMs });
    const { protocol, grpc, management } = found;
    const server = connect({ ...access, protocol, grpc, management });
    try {
      const listed = found.modelsKnown ? found.models.map(({ name }) => name) : [];
      const leftMs = Math.min(timeoutMs, untilMs - io.clock.monotonicMs());
      const served = await servedModels(server, { named: flags.model, listed, timeoutMs: leftMs });
      report(out, found, served);
      out.summary({ ...found, metadata: served.models, silent: served.silent });
    } finally {
      server.close();
    }
    return 0;
  },
});

/** What models may take to describe themselves where finding out took all of its time. */
const describingMs = 500;

function report(out: Output, found: Detection, { models, silent }: ServedModels): void {
  out.say(`${found.url} speaks ${[found.protocol, ...found.also].join(", ")}`);
  if (found.server) out.say(`server     ${found.server.name} ${found.server.version ?? ""}`.trimEnd());
  if (found.server && found.server.extensions.length > 0)
    out.say(`extensions ${found.server.extensions.join(", ")}`);
  if (found.grpc !== undefined) out.say(`grpc       ${found.grpc}`);
  if (found.management !== undefined) out.say(`management ${found.management}`);
  if (!found.modelsKnown) out.say("models     the server keeps no list: name them with --model");
  const states = new Map(found.models.map(({ name, state }) => [name, state]));
  const stateOf = (name: string) => states.get(name) ?? "UNKNOWN";
  out.say("");
  out.table(
    ["model", "state", "inputs", "outputs"],
    [
      ...models.map(({ name, inputs, outputs }) => [
        name,
        stateOf(name),
        inputs.map(tensorText).join(" ") || "not described",
        outputs.map(tensorText).join(" ") || "not described",
      ]),
      ...silent.map((name) => [name, { text: stateOf(name), colour: "warn" as const }, "", ""]),
    ],
  );
}
