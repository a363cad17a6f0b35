import { Fault, isLoopback } from "@locum/contracts";
import { openAzureContainer } from "./open-azure-container.ts";
import { openGcsBucket } from "./open-gcs-bucket.ts";
import { openObjectStore } from "./open-object-store.ts";
import { readObjectCredentials } from "./read-object-credentials.ts";
import { gcsTokens, readSas } from "./read-token.ts";
import { type Bucket, type BucketRequests, withRetries } from "./with-retries.ts";

const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

export type BucketPlace = {
  scheme: "s3" | "azure" | "gs";
  /** https://HOST, of the account where the scheme is azure. */
  endpoint: string;
  /** Or the container. */
  bucket: string;
  /** Folders in it. */
  folders: readonly string[];
  region: string;
  credentialsFile: string | undefined;
  env: (name: string) => string | undefined;
};

/**
 * A bucket with the credentials of a file, else of the environment: read at each try, for both are rotated. What
 * they are is another thing with each store: keys of S3, a shared access signature, an access token.
 * @throws Fault usage: credentials would travel in the clear
 */
export const openBucket = (place: BucketPlace): Bucket => withRetries(requestsOf(place));

function requestsOf(place: BucketPlace): BucketRequests {
  const { scheme, endpoint, bucket, folders, region, credentialsFile, env } = place;
  const { protocol, hostname } = new URL(endpoint);
  const isLocal = isLoopback(hostname);
  const prefix = folders.map((folder) => `${folder}/`).join("");
  if (scheme === "s3") {
    const variables = () => Object.fromEntries(names.map((name) => [name, env(name)]));
    return openObjectStore({
      url: [endpoint, bucket, ...folders].join("/"),
      region,
      credentials: () => readObjectCredentials(credentialsFile, variables()),
    });
  }
  // Other than keys of S3, which only sign, these are what they prove.
  if (protocol !== "https:" && !isLocal)
    throw new Fault("usage", `${endpoint}: expected https, for a token travels there`);
  if (scheme === "azure")
    return openAzureContainer({
      url: `${endpoint}/${bucket}`,
      prefix,
      sas: () => readSas(credentialsFile, env),
    });
  return openGcsBucket({ endpoint, bucket, prefix, token: gcsTokens(credentialsFile, env, { isLocal }) });
}
