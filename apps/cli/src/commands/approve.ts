import { Fault, loadServiceFile, Release, type ServiceConfig } from "@locum/contracts";
import { accessCollector, collectorFlags } from "../collector-access.ts";
import { defineCommand } from "../command.ts";
import { describeRelease } from "../golden/describe-release.ts";
import { makeRelease } from "../golden/make-release.ts";
import { readExpectations } from "../golden/read-expectations.ts";
import { newestRelease } from "../golden/read-releases.ts";
import { type GoldenRequest, readRequests } from "../golden/read-requests.ts";
import { recordFlags } from "../golden/record-flags.ts";
import { sealRelease } from "../golden/seal-release.ts";
import { operatorKeyFile, readOperatorKey } from "../operator-key.ts";
import type { Output } from "../output.ts";
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
    const post = () => postRelease(out, flags, sealed.release);
    let sealed: { release: Release; file: string };
    if (flags.release !== undefined) {
      const known = await readRelease(flags.release, config);
      sealed = await sealRelease({ body: known.body, approvals: known.approvals, config, key });
      const signed = sealed.release.approvals.map(({ keyId }) => keyId);
      const reached = await post();
      out.say(`release   ${sealed.release.digest}\nsigned    ${signed.join(", ")}\nwritten   ${sealed.file}`);
      out.summary({
        release: sealed.release.digest,
        file: sealed.file,
        approvedBy: signed,
        collector: reached,
      });
      return 0;
    }
    const requests = await requestsFor(flags.inputs, config);
    const { expect } = flags;
    const given =
      expect && readExpectations(await readJsonFile(expect, { flag: "--expect" }), expect, requests.length);
    const made = await makeRelease({
      config,
      places: [
        {
          id: "staging",
          url: flags.from ?? "",
          maxConcurrency: Math.max(...config.instances.map(({ maxConcurrency }) => maxConcurrency)),
          modelDir: flags["model-dir"],
          ca: flags.ca,
          headersFile: flags["headers-file"],
        },
      ],
      requests,
      given: given || undefined,
      key,
      io,
      out,
      note: flags.note,
      timeoutMs: wholeNumber("timeout-ms", flags["timeout-ms"], { min: 50, max: 3_600_000 }),
    });
    sealed = made;
    await post();
    describeRelease(out, { ...made, config });
    return 0;
  },
});

async function requestsFor(inputs: string | undefined, config: ServiceConfig): Promise<GoldenRequest[]> {
  if (inputs !== undefined) return readRequests(await readJsonFile(inputs, { flag: "--inputs" }), inputs);
  const newest = await newestRelease(config);
  if (!newest)
    throw new Fault("not-found", `${config.releases} holds no release whose inputs could be asked again`, {
      hint: "Name requests with --inputs.",
    });
  return readRequests(
    newest.body.goldens.map(({ model, request }) => ({ model, request })),
    newest.digest.slice(0, 19),
  );
}

async function readRelease(file: string, config: ServiceConfig): Promise<Release> {
  const parsed = Release.safeParse(await readJsonFile(file, { flag: "--release" }));
  if (!parsed.success) throw new Fault("release-invalid", `${file} is no release`);
  if (parsed.data.body.service !== config.service)
    throw new Fault(
      "release-invalid",
      `${file} is a release of ${parsed.data.body.service}, not of ${config.service}`,
    );
  return parsed.data;
}

type Where = { config: string; collector?: string | undefined; "token-file"?: string | undefined };

/** A collector that is named must be reached; one that may run is told if it does. Sidecars here read the folder. */
async function postRelease(out: Output, where: Where, release: Release): Promise<boolean> {
  try {
    const { client } = await accessCollector(where);
    await client.approveRelease(release);
    out.progress("the collector has it");
    return true;
  } catch (error) {
    const isAway = error instanceof Fault && /^(collector-unreachable|not-authenticated)$/.test(error.code);
    if (where.collector !== undefined || !isAway) throw error;
    out.progress("the collector was not reached; it reads the releases folder when it starts");
    return false;
  }
}
