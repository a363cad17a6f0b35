import { digestOf, Fault, loadServiceFile, Release, type ServiceConfig } from "@locum/contracts";
import { collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { describeRelease } from "../golden/describe-release.ts";
import { makeRelease } from "../golden/make-release.ts";
import { postRelease } from "../golden/post-release.ts";
import { readExpectations } from "../golden/read-expectations.ts";
import { newestRelease } from "../golden/read-releases.ts";
import { type GoldenRequest, readRequests } from "../golden/read-requests.ts";
import { recordFlags } from "../golden/record-flags.ts";
import { sealRelease } from "../golden/seal-release.ts";
import { operatorKeyFile, readOperatorKey } from "../operator-key.ts";
import { readJsonFile } from "../read-json-file.ts";
import { wholeNumber } from "../whole-number.ts";

export const approve = defineCommand({
  usage: "approve --from URL [--model-dir DIR]",
  about:
    "Approves a new release before it is deployed: asks a staging server that runs the new model, hashes its files, signs both, and hands the release to the collector if it is reached. From then on instances may serve the old or the new one. With --release it adds your signature to a release that another person made.",
  examples: [
    [
      "locum approve --from http://staging:8000 --model-dir /srv/next",
      "the inputs of the newest release are asked again",
    ],
    [
      "locum approve --from http://staging:8000 --inputs requests.json --expect answers.json",
      "right answers come from outside",
    ],
    ["locum approve --release releases/4f1c.json", "a second person signs"],
  ],
  flags: {
    ...collectorFlags,
    ...recordFlags,
    from: { kind: "text", about: "a server that runs the new model" },
    "model-dir": { kind: "text", about: "its files, laid out as on the instances" },
    inputs: { kind: "text", about: "requests; those of the newest release if absent" },
    release: { kind: "text", about: "a release to add a signature to" },
    "headers-file": { kind: "text", about: "JSON object of headers for the staging server" },
    ca: { kind: "text", about: "PEM of the authority of its certificate" },
  },
  async run({ flags, io, out }) {
    if ((flags.from === undefined) === (flags.release === undefined))
      throw new Fault("usage", "expected either --from URL or --release FILE");
    const config = await loadServiceFile(flags.config);
    const key = await readOperatorKey(operatorKeyFile(io));
    if (flags.release !== undefined) {
      const { body, approvals } = await readRelease(flags.release, config);
      const { release, file } = await sealRelease({ body, approvals, config, key });
      const approvedBy = release.approvals.map(({ keyId }) => keyId);
      const collector = await postRelease(out, flags, release);
      out.say(`release   ${release.digest}\nsigned    ${approvedBy.join(", ")}\nwritten   ${file}`);
      out.summary({ release: release.digest, file, approvedBy, collector });
      return 0;
    }
    const folders = config.instances.filter(({ modelDir }) => modelDir !== undefined);
    if (folders.length > 0 && flags["model-dir"] === undefined)
      throw new Fault("usage", "expected --model-dir: the instances have model folders", {
        hint: "A deploy of files that belong to no approved release would be taken back.",
      });
    const requests = await requestsFor(flags.inputs, config);
    const { expect } = flags;
    const given =
      expect && readExpectations(await readJsonFile(expect, { flag: "--expect" }), expect, requests.length);
    const made = await makeRelease({
      config,
      places: [stagingOf(flags, config)],
      requests,
      given: given || undefined,
      key,
      io,
      out,
      note: flags.note,
      timeoutMs: wholeNumber("timeout-ms", flags["timeout-ms"], { min: 50, max: 3_600_000 }),
    });
    if (!(await postRelease(out, flags, made.release)))
      out.progress("the collector was not reached; it reads the releases folder when it starts");
    describeRelease(out, { ...made, config });
    return 0;
  },
});

/** Asked as hard as the instance that will be asked hardest. */
const stagingOf = (
  flags: Record<"from" | "model-dir" | "ca" | "headers-file", string | undefined>,
  { instances }: ServiceConfig,
) => ({
  id: "staging",
  url: flags.from ?? "",
  maxConcurrency: Math.max(...instances.map(({ maxConcurrency }) => maxConcurrency)),
  modelDir: flags["model-dir"],
  ca: flags.ca,
  headersFile: flags["headers-file"],
});

async function requestsFor(inputs: string | undefined, config: ServiceConfig): Promise<GoldenRequest[]> {
  const protocol = config.instances[0]?.protocol;
  if (inputs !== undefined)
    return readRequests(await readJsonFile(inputs, { flag: "--inputs" }), inputs, { protocol });
  const newest = await newestRelease(config);
  if (!newest)
    throw new Fault("not-found", `${config.releases} holds no release whose inputs could be asked again`, {
      hint: "Name requests with --inputs.",
    });
  return readRequests(
    newest.body.goldens.map(({ model, request }) => ({ model, request })),
    newest.digest.slice(0, 19),
    { protocol, recorded: true },
  );
}

async function readRelease(file: string, config: ServiceConfig): Promise<Release> {
  const parsed = Release.safeParse(await readJsonFile(file, { flag: "--release" }));
  if (!parsed.success || digestOf(parsed.data.body) !== parsed.data.digest)
    throw new Fault("release-invalid", `${file} is no release, or was changed`);
  if (parsed.data.body.service !== config.service)
    throw new Fault(
      "release-invalid",
      `${file} is a release of ${parsed.data.body.service}, not of ${config.service}`,
    );
  return parsed.data;
}
