import { join } from "node:path";
import { parseServiceFile, type ServiceConfig } from "@locum/contracts";
import type { Peer } from "./peer.ts";

/** The smallest service file for one server: a tap, nothing that is judged. */
export function serviceBeside(
  { url, protocol, grpc, management }: Pick<Peer, "url" | "protocol" | "grpc"> & Partial<Peer>,
  dir: string,
): ServiceConfig {
  const text = JSON.stringify({
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    instances: [{ id: "a", url, protocol, grpc, management }],
  });
  const parsed = parseServiceFile(text, { file: join(dir, "locum.yaml") });
  if ("problems" in parsed) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}
