import { join } from "node:path";
import {
  approveRelease,
  Fault,
  type Release,
  ReleaseBody,
  type ServiceConfig,
  verifyRelease,
} from "@locum/contracts";
import { writeFileAtomic } from "@locum/runtime";
import type { OperatorKey } from "../operator-key.ts";

const releaseBytesMax = 67_108_864;

/**
 * Signs a release with the operator's key and puts it where sidecars and collector look for releases.
 * @throws Fault release-unapproved where the configuration does not know the key | body-too-large | storage-failed
 */
export async function sealRelease({
  body,
  approvals = [],
  config,
  key,
  out,
}: {
  body: ReleaseBody;
  approvals?: Release["approvals"];
  config: Pick<ServiceConfig, "approvers" | "releases">;
  key: OperatorKey;
  out?: string | undefined;
}): Promise<{ release: Release; file: string }> {
  const parsed = ReleaseBody.safeParse(body);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new Fault("release-invalid", `${issue?.path.join(".")}: ${issue?.message}`);
  }
  const release = approveRelease(parsed.data, key.pem, approvals);
  if (!config.approvers.some(({ keyId }) => keyId === key.approver.keyId))
    throw new Fault("release-unapproved", `the key ${key.approver.keyId} is no approver of this service`, {
      hint: `Add to approvers: {keyId: ${key.approver.keyId}, publicKey: "${key.approver.publicKey}"}.`,
    });
  verifyRelease(release, config.approvers);
  const text = `${JSON.stringify(release)}\n`;
  if (Buffer.byteLength(text) > releaseBytesMax)
    throw new Fault(
      "body-too-large",
      `the release would have ${Buffer.byteLength(text)} bytes, more than ${releaseBytesMax}`,
      {
        hint: "Record fewer goldens, or inputs with smaller outputs.",
      },
    );
  const file = out ?? join(config.releases, `${release.digest.replace("sha256:", "")}.json`);
  await writeFileAtomic(file, text);
  return { release, file };
}
