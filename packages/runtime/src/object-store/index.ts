export { openAzureContainer } from "./open-azure-container.ts";
export { type BucketPlace, openBucket } from "./open-bucket.ts";
export { openGcsBucket } from "./open-gcs-bucket.ts";
export { type ObjectStore, openObjectStore } from "./open-object-store.ts";
export { type ObjectCredentials, readObjectCredentials } from "./read-object-credentials.ts";
