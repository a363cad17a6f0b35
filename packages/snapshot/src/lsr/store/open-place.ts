import { createHash, randomBytes } from "node:crypto";
import { basename, resolve } from "node:path";
import { Fault } from "@locum/contracts";
import { nodeFs } from "../../fs.ts";
import type { BlobStore } from "./blob-store.ts";
import { directoryStore } from "./directory-store.ts";
import { type Objects, objectBlobStore } from "./object-blob-store.ts";

/** Where a repository lies, before anything was asked of it. */
export type Place = {
  /** As people read it; without credentials, which no place can hold. */
  text: string;
  /** A file name of its own for what this user keeps about it. */
  slug: string;
  /** Where it is a folder. */
  dir?: string;
  store: BlobStore;
};

export type PlacePorts = {
  /** Where a relative folder begins. */
  cwd: string;
  env: (name: string) => string | undefined;
  /** Of the runtime's own object store. */
  openBucket: (bucket: {
    url: string;
    region: string;
    credentialsFile: string | undefined;
    env: PlacePorts["env"];
  }) => Objects;
};
type Asked = PlacePorts & { credentialsFile: string | undefined };

const bucketPattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]{1,62}$/;
const prefixPattern = /^[A-Za-z0-9._=-]{1,200}(\/[A-Za-z0-9._=-]{1,200}){0,20}$/;

/**
 * `DIR` or `s3://bucket/prefix?endpoint=URL&region=R`. Credentials come from the environment or a file: a command line is
 * readable by every user of the machine, so a place that holds some is refused and not repeated.
 * @throws Fault usage
 */
export function openPlace(
  text: string,
  { credentialsFile, ...ports }: PlacePorts & { credentialsFile?: string | undefined },
): Place {
  if (text.trim() === "" || text.includes("\0"))
    throw new Fault("usage", "repository: expected a folder or s3://bucket/prefix");
  if (text.startsWith("s3://")) return bucketPlace(text, { ...ports, credentialsFile });
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw new Fault("usage", "repository: expected a folder or s3://bucket/prefix, found another scheme", {
      hint: "Another store of the S3 protocol is s3://bucket/prefix?endpoint=https://HOST.",
    });
  const dir = resolve(ports.cwd, text);
  const random = (length: number) => randomBytes(length);
  return { text: dir, slug: slugOf(dir), dir, store: directoryStore({ fs: nodeFs, root: dir, random }) };
}

function bucketPlace(text: string, { cwd, env, openBucket, credentialsFile }: Asked): Place {
  const [where = "", query = ""] = text.slice("s3://".length).split(/\?(.*)/s);
  if (where.includes("@"))
    throw new Fault("usage", "repository: a place holds no credentials", {
      hint: "Give them by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by a file.",
    });
  const [bucket = "", ...parts] = where.replace(/\/+$/, "").split("/");
  const prefix = parts.join("/");
  if (!bucketPattern.test(bucket) || parts.some(isDots) || (prefix !== "" && !prefixPattern.test(prefix)))
    throw new Fault("usage", `repository: expected s3://bucket/prefix, found "s3://${where}"`);
  const options = new URLSearchParams(query);
  for (const name of options.keys())
    if (name !== "endpoint" && name !== "region")
      throw new Fault("usage", `repository: expected endpoint and region after ?, found "${name}"`);
  const region = options.get("region") ?? env("AWS_REGION") ?? "us-east-1";
  const given = options.get("endpoint") ?? env("AWS_ENDPOINT_URL_S3") ?? env("AWS_ENDPOINT_URL");
  const endpoint = endpointOf(given ?? `https://s3.${region}.amazonaws.com`);
  const url = [endpoint, bucket, ...parts].join("/");
  const file = credentialsFile === undefined ? undefined : resolve(cwd, credentialsFile);
  const objects = openBucket({ url, region, credentialsFile: file, env });
  return { text: `s3://${[bucket, ...parts].join("/")}`, slug: slugOf(url), store: objectBlobStore(objects) };
}

function endpointOf(text: string): string {
  const url = URL.parse(text);
  const isPlain = url && !url.username && !url.password && url.search === "" && url.hash === "";
  if (!isPlain || !["http:", "https:"].includes(url.protocol))
    throw new Fault("usage", "repository: expected endpoint=https://HOST, without a user");
  return url.href.replace(/\/+$/, "");
}

const isDots = (part: string): boolean => /^\.{1,2}$/.test(part);

const slugOf = (place: string): string => {
  const name =
    basename(place)
      .replace(/[^A-Za-z0-9._-]/g, "-")
      .slice(0, 40) || "repository";
  return `${name}-${createHash("sha256").update(place).digest("hex").slice(0, 12)}`;
};
