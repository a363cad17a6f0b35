import { type ObjectStore, openObjectStore } from "./open-object-store.ts";
import { readObjectCredentials } from "./read-object-credentials.ts";

const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];

/** A bucket with the credentials of a file, else of the environment: read at each request, for both are rotated. */
export function openBucket({
  url,
  region,
  credentialsFile,
  env,
}: {
  /** https://host/bucket/prefix */
  url: string;
  region: string;
  credentialsFile: string | undefined;
  env: (name: string) => string | undefined;
}): ObjectStore {
  const variables = () => Object.fromEntries(names.map((name) => [name, env(name)]));
  return openObjectStore({
    url,
    region,
    credentials: () => readObjectCredentials(credentialsFile, variables()),
  });
}
