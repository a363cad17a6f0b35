export { type ByteSource, bytesSource, handleSource, pathSource } from "./byte-source.ts";
export type { KeyedHash } from "./crypto/keyed-hash.ts";
export { nativeHash } from "./crypto/native-hash.ts";
export { type Recipient, recipientOf } from "./crypto/recipient.ts";
export { type Blob, type BlobStore, blobSource, readBlob } from "./store/blob-store.ts";
export { directoryStore } from "./store/directory-store.ts";
