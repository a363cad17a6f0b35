import { folderSink, type InferenceSink } from "@locum/audit/inference";
import { Fault, type Inference } from "@locum/contracts";

/** Where the records of a service go; null where none are written. The client of the store is loaded at its first use. */
export function openInferenceSink(
  { records, dir, s3 }: Inference,
  env: NodeJS.ProcessEnv,
): InferenceSink | null {
  if (records === "file" && dir !== undefined) return folderSink({ dir });
  if (records !== "s3" || !s3) return null;
  return {
    async put(name, text) {
      const { openObjectStore, readObjectCredentials } = await import("@locum/runtime/object-store");
      const store = openObjectStore({
        url: s3.url,
        region: s3.region,
        credentials: () => readObjectCredentials(s3.credentialsFile, env),
      });
      const bytes = Buffer.from(text);
      if ((await store.put(name, bytes)) === "stored") return;
      // From a try before whose answer was lost; anything else under the name of these records is not theirs.
      const there = await store.get(name);
      if (!there?.equals(bytes))
        throw new Fault("conflict", `${name}: the object store holds other records there`);
    },
  };
}
