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
    scheme: "s3" | "azure" | "gs";
    endpoint: string;
    bucket: string;
    folders: readonly string[];
    region: string;
    credentialsFile: string | undefined;
    env: PlacePorts["env"];
  }) => Objects;
};
type Asked = PlacePorts & { credentialsFile: string | undefined };

const bucketPattern = /^[a-zA-Z0-9][a-zA-Z0-9._-]{1,62}$/;
const prefixPattern = /^[A-Za-z0-9._=-]{1,200}(\/[A-Za-z0-9._=-]{1,200}){0,20}$/;

const form = "expected a folder, s3://bucket/prefix, azure://account/container/prefix or gs://bucket/prefix";

/**
 * `DIR`, `s3://bucket/prefix?endpoint=URL&region=R`, `azure://account/container/prefix` or `gs://bucket/prefix`, the last
 * two with `?endpoint=URL` as well. Credentials come from the environment or a file: a command line is readable by every
 * user of the machine, so a place that holds some is refused and not repeated.
 * @throws Fault usage
 */
export function openPlace(
  text: string,
  { credentialsFile, ...ports }: PlacePorts & { credentialsFile?: string | undefined },
): Place {
  if (text.trim() === "" || text.includes("\0")) throw new Fault("usage", `repository: ${form}`);
  const [, scheme, rest = ""] = /^(s3|azure|gs):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme === "s3" || scheme === "azure" || scheme === "gs")
    return bucketPlace(scheme, rest, { ...ports, credentialsFile });
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text))
    throw new Fault("usage", `repository: ${form}, found another scheme`, {
      hint: "Another store of the S3 protocol is s3://bucket/prefix?endpoint=https://HOST.",
    });
  const dir = resolve(ports.cwd, text);
  const random = (length: number) => randomBytes(length);
  return { text: dir, slug: slugOf(dir), dir, store: directoryStore({ fs: nodeFs, root: dir, random }) };
}

type Scheme = "s3" | "azure" | "gs";
const shapes: Record<Scheme, string> = {
  s3: "s3://bucket/prefix",
  azure: "azure://account/container/prefix",
  gs: "gs://bucket/prefix",
};
const credentialsHints: Record<Scheme, string> = {
  s3: "Give them by AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or by a file.",
  azure: "Give a shared access signature by AZURE_STORAGE_SAS_TOKEN, or by a file.",
  gs: "Give an access token by GOOGLE_OAUTH_ACCESS_TOKEN, or by a file.",
};

function bucketPlace(scheme: Scheme, text: string, { cwd, env, openBucket, credentialsFile }: Asked): Place {
  const [where = "", query = ""] = text.split(/\?(.*)/s);
  if (where.includes("@"))
    throw new Fault("usage", "repository: a place holds no credentials", { hint: credentialsHints[scheme] });
  const names = where.replace(/\/+$/, "").split("/");
  const account = scheme === "azure" ? (names.shift() ?? "") : "";
  const [bucket = "", ...folders] = names;
  const prefix = folders.join("/");
  const isNamed = bucketPattern.test(bucket) && (scheme !== "azure" || /^[a-z0-9]{3,24}$/.test(account));
  if (!isNamed || folders.some(isDots) || (prefix !== "" && !prefixPattern.test(prefix)))
    throw new Fault("usage", `repository: expected ${shapes[scheme]}, found "${scheme}://${where}"`);
  const options = new URLSearchParams(query);
  for (const name of options.keys())
    if (name !== "endpoint" && !(name === "region" && scheme === "s3"))
      throw new Fault("usage", `repository: expected endpoint and region after ?, found "${name}"`);
  const region = options.get("region") ?? env("AWS_REGION") ?? "us-east-1";
  const endpoint = endpointOf(options.get("endpoint") ?? defaultEndpoint(scheme, { account, region, env }));
  if (scheme === "s3" && new URL(endpoint).hostname.endsWith("storage.googleapis.com"))
    throw new Fault("usage", "repository: expected gs://bucket/prefix for Google Cloud Storage", {
      hint: "By the S3 protocol it writes over what is there, whatever is asked, so two writers could both win.",
    });
  const file = credentialsFile === undefined ? undefined : resolve(cwd, credentialsFile);
  const objects = openBucket({ scheme, endpoint, bucket, folders, region, credentialsFile: file, env });
  return {
    text: `${scheme}://${[...(account ? [account] : []), bucket, ...folders].join("/")}`,
    slug: slugOf([endpoint, bucket, ...folders].join("/")),
    store: objectBlobStore(objects),
  };
}

function defaultEndpoint(
  scheme: Scheme,
  { account, region, env }: { account: string; region: string; env: PlacePorts["env"] },
): string {
  if (scheme === "azure") return `https://${account}.blob.core.windows.net`;
  if (scheme === "gs") return "https://storage.googleapis.com";
  const given = env("AWS_ENDPOINT_URL_S3") ?? env("AWS_ENDPOINT_URL");
  return given ?? `https://s3.${region}.amazonaws.com`;
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
