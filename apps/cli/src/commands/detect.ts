import { Fault } from "@locum/contracts";
import { connect, detect } from "@locum/serving";
import { defineCommand } from "../command.ts";
import { accessTo } from "../connect-instance.ts";
import { servedModels } from "../served-models.ts";
import { tensorText } from "../tensor-text.ts";
import { wholeNumber } from "../whole-number.ts";

export const detectServer = defineCommand({
  usage: "detect URL",
  about: "Asks a model server what it is: protocol, server, models with their tensors. Changes nothing.",
  examples: [
    ["locum detect http://127.0.0.1:8000", "Triton, KServe, MLServer, OVMS and others"],
    ["locum detect http://127.0.0.1:8000 --model resnet", "for a server that keeps no list"],
  ],
  flags: {
    model: { kind: "list", about: "a model to ask for, where the server keeps no list" },
    "headers-file": { kind: "text", about: "JSON object of headers for the server" },
    ca: { kind: "text", about: "PEM of the authority of its certificate" },
    "timeout-ms": { kind: "text", fallback: "3000", about: "of one question" },
  },
  positionalsMax: 1,
  async run({ flags, positionals: [url], out }) {
    if (url === undefined) throw new Fault("usage", "expected a URL, found nothing");
    const access = await accessTo({ url, ca: flags.ca, headersFile: flags["headers-file"] });
    const timeoutMs = wholeNumber("timeout-ms", flags["timeout-ms"], { min: 50, max: 600_000 });
    const found = await detect(url, { ...access, timeoutMs });
    const server = connect(access);
    try {
      const { models, silent } = await servedModels(server, { named: flags.model, timeoutMs });
      out.say(`${found.url} speaks ${found.protocol}`);
      if (found.server) {
        out.say(`server     ${found.server.name} ${found.server.version ?? ""}`.trimEnd());
        out.say(`extensions ${found.server.extensions.join(", ") || "none"}`);
      }
      if (!found.modelsKnown) out.say("models     the server keeps no list: name them with --model");
      const states = new Map(found.models.map(({ name, state }) => [name, state]));
      out.say("");
      out.table(
        ["model", "state", "inputs", "outputs"],
        [
          ...models.map(({ name, inputs, outputs }) => [
            name,
            states.get(name) ?? "UNKNOWN",
            inputs.map(tensorText).join(" ") || "not described",
            outputs.map(tensorText).join(" ") || "not described",
          ]),
          ...silent.map((name) => [
            name,
            { text: states.get(name) ?? "UNKNOWN", colour: "warn" as const },
            "",
            "",
          ]),
        ],
      );
      out.summary({ ...found, metadata: models, silent });
    } finally {
      server.close();
    }
    return 0;
  },
});
