import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Fault, type Inference } from "@locum/contracts";
import { openObjectStore, readObjectCredentials } from "@locum/runtime/object-store";

/** Batches of inference records by the names that the audit log has. */
export type BatchSource = {
  place: string;
  /** Undefined where there is none. */
  get(name: string): Promise<string | undefined>;
};

const namePattern = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+){3}$/;

/**
 * From what was given (a folder, https://host/bucket/prefix, s3://bucket/prefix), else from the service file.
 * @throws Fault usage
 */
export function openBatchSource(
  given: { records: string | undefined; region: string | undefined; credentials: string | undefined },
  configured: Inference | undefined,
  io: { cwd: string; env: (name: string) => string | undefined },
): BatchSource {
  const place = given.records ?? (configured?.records === "s3" ? configured.s3?.url : configured?.dir);
  if (place === undefined)
    throw new Fault("usage", "expected --records, found nothing", {
      hint: "Name the folder of the records, or https://host/bucket/prefix, or a service file that does.",
    });
  const get = /^(https?|s3):\/\//.test(place)
    ? fromStore(place, given, configured, io)
    : fromFolder(resolve(io.cwd, place));
  return {
    place,
    async get(name) {
      // A name comes from a log: it must not lead elsewhere.
      if (!namePattern.test(name) || name.split("/").some((part) => /^\.+$/.test(part)))
        throw new Fault(
          "evidence-invalid",
          `the log names a batch "${name.slice(0, 100)}", which is no name`,
        );
      return (await get(name))?.toString("utf8");
    },
  };
}

function fromFolder(dir: string) {
  return async (name: string): Promise<Buffer | undefined> => {
    try {
      return await readFile(join(dir, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw new Fault("storage-failed", `${name} cannot be read: ${(error as Error).message}`, {
        cause: error,
      });
    }
  };
}

function fromStore(
  place: string,
  given: { region: string | undefined; credentials: string | undefined },
  configured: Inference | undefined,
  { env }: { env: (name: string) => string | undefined },
) {
  const region = given.region ?? configured?.s3?.region ?? env("AWS_REGION") ?? "us-east-1";
  const endpoint =
    env("AWS_ENDPOINT_URL_S3") ?? env("AWS_ENDPOINT_URL") ?? `https://s3.${region}.amazonaws.com`;
  const url = place.startsWith("s3://") ? `${endpoint.replace(/\/+$/, "")}/${place.slice(5)}` : place;
  const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] as const;
  const file = given.credentials ?? configured?.s3?.credentialsFile;
  const variables = Object.fromEntries(names.map((name) => [name, env(name)]));
  const store = openObjectStore({ url, region, credentials: () => readObjectCredentials(file, variables) });
  return (name: string) => store.get(name);
}
