export { openBucket } from "./open-bucket.ts";
export { type ObjectStore, openObjectStore } from "./open-object-store.ts";
export { type ObjectCredentials, readObjectCredentials } from "./read-object-credentials.ts";
