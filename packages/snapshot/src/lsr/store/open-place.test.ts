import { Fault } from "@locum/contracts";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openPlace, type PlacePorts } from "./open-place.ts";

type Asked = Parameters<PlacePorts["openBucket"]>[0];

function openAt(text: string, env: Record<string, string> = {}) {
  const asked: Asked[] = [];
  const place = openPlace(text, {
    cwd: "/srv",
    env: (name) => env[name],
    openBucket(bucket) {
      asked.push(bucket);
      return {
        put: async () => "exists",
        range: async () => undefined,
        size: async () => undefined,
        async *list() {},
        remove: async () => {},
      };
    },
    credentialsFile: "keys/store",
  });
  return { place, bucket: asked[0] };
}

test.for<[string, string, Partial<Asked>]>([
  [
    "s3://models/a/b/?region=eu-central-1",
    "s3://models/a/b",
    { endpoint: "https://s3.eu-central-1.amazonaws.com", bucket: "models", folders: ["a", "b"] },
  ],
  [
    "s3://models?endpoint=http://127.0.0.1:9000/",
    "s3://models",
    { endpoint: "http://127.0.0.1:9000", folders: [], region: "us-east-1" },
  ],
  [
    "azure://acme0/models/a",
    "azure://acme0/models/a",
    { endpoint: "https://acme0.blob.core.windows.net", bucket: "models", folders: ["a"] },
  ],
  [
    "azure://acme0/models?endpoint=http://127.0.0.1:1/acme0",
    "azure://acme0/models",
    { endpoint: "http://127.0.0.1:1/acme0", bucket: "models", folders: [] },
  ],
  [
    "gs://models/a",
    "gs://models/a",
    { endpoint: "https://storage.googleapis.com", bucket: "models", folders: ["a"] },
  ],
])("%s is a bucket", ([text, shown, bucket]) => {
  const opened = openAt(text);
  expect(opened.place.text).toBe(shown);
  expect(opened.place.dir).toBeUndefined();
  expect(opened.bucket).toMatchObject({ ...bucket, credentialsFile: "/srv/keys/store" });
});

test("two endpoints with one name are two places", () => {
  const slugs = ["s3://models/a", "gs://models/a", "s3://models/a?endpoint=https://other.example"].map(
    (text) => openAt(text).place.slug,
  );
  expect(new Set(slugs).size).toBe(3);
});

test("the endpoint of AWS tools counts for S3 only", () => {
  const env = { AWS_ENDPOINT_URL: "https://s3.example" };
  expect(openAt("s3://models", env).bucket?.endpoint).toBe("https://s3.example");
  expect(openAt("gs://models", env).bucket?.endpoint).toBe("https://storage.googleapis.com");
});

test.for([
  "s3://key:word@bucket/a",
  "azure://acme0",
  "azure://Acme/models",
  "azure://acme0/models?sig=word",
  "azure://acme0/models?endpoint=https://host/?sig=word",
  "gs://models/../other",
  "gs://models/a?region=eu",
  "gs://m",
  "gs://models//a",
  "s3://models/a?endpoint=https://storage.googleapis.com",
  "s3://models/a?endpoint=https://me:word@host",
  "s3://models/a?endpoint=file:///etc",
  "ftp://models/a",
  " ",
])("%s is none, and no word of credentials is repeated", (text) => {
  const error = faultOf(() => openAt(text));
  expect(error).toMatchObject({ code: "usage" });
  expect(`${error?.message} ${error?.hint}`).not.toContain("word");
});

test("whatever is asked for is a place or a usage fault", () => {
  const scheme = fc.constantFrom("", "s3://", "azure://", "gs://", "azure://acme0/");
  fc.assert(
    fc.property(scheme, fc.string(), (start, rest) => {
      const error = faultOf(() => openAt(start + rest));
      if (error) expect(error.code).toBe("usage");
    }),
  );
});

function faultOf(work: () => unknown): Fault | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}
