import { loadServiceFile } from "@locum/contracts";
import { defineCommand } from "../command.ts";
import { configFlag } from "../config-flag.ts";
import { describeRelease } from "../golden/describe-release.ts";
import { makeRelease } from "../golden/make-release.ts";
import { postRelease } from "../golden/post-release.ts";
import { readExpectations } from "../golden/read-expectations.ts";
import { readRequests } from "../golden/read-requests.ts";
import { recordFlags } from "../golden/record-flags.ts";
import { operatorKeyFile, readOperatorKey } from "../operator-key.ts";
import { readJsonFile } from "../read-json-file.ts";
import { wholeNumber } from "../whole-number.ts";

export const goldenRecord = defineCommand({
  usage: "golden record --inputs FILE",
  about:
    "Asks every instance the same requests, alone and at its maximum concurrency, learns right answers and how far they may vary, and signs them with the hashes of the model files as the first release. Refuses where instances disagree, answers vary, or a value is not finite.",
  examples: [
    ["locum golden record --inputs requests.json", "a list of requests, as the server takes them"],
    [
      "locum golden record --inputs requests.json --expect answers.json",
      "right answers come from outside; instances that answer otherwise are refused",
    ],
  ],
  flags: {
    ...configFlag,
    ...recordFlags,
    inputs: {
      kind: "text",
      required: true,
      about: 'requests: [{"inputs":[...]}, ...], [{"messages":[...]}, ...]',
    },
    out: { kind: "text", about: "write the release here, not into the releases folder" },
  },
  async run({ flags, io, out }) {
    const config = await loadServiceFile(flags.config);
    const key = await readOperatorKey(operatorKeyFile(io));
    const requests = readRequests(await readJsonFile(flags.inputs, { flag: "--inputs" }), flags.inputs, {
      protocol: config.instances[0]?.protocol,
    });
    const { expect } = flags;
    const given =
      expect && readExpectations(await readJsonFile(expect, { flag: "--expect" }), expect, requests.length);
    const made = await makeRelease({
      config,
      // A shadow may try what is not in service: it need not agree.
      places: config.instances.filter(({ shadow }) => !shadow),
      requests,
      given: given || undefined,
      key,
      io,
      out,
      note: flags.note,
      timeoutMs: wholeNumber("timeout-ms", flags["timeout-ms"], { min: 50, max: 3_600_000 }),
      file: flags.out,
    });
    if (flags.out === undefined) await postRelease(out, { config: flags.config }, made.release);
    describeRelease(out, { ...made, config });
    out.say(`\nNext: locum up --config ${flags.config}`);
    return 0;
  },
});
