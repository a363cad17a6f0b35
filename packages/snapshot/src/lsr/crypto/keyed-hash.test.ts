import { describe, expect, test } from "vitest";
import { referenceHash } from "../testing/blake3-reference.ts";
import { digestOf } from "./keyed-hash.ts";
import { nativeHash, portableHash } from "./native-hash.ts";

/** From BLAKE3's published test vectors: length of the input, hash, keyed hash. */
const vectors = [
  [
    0,
    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
    "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26",
  ],
  [
    1,
    "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213",
    "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
  ],
  [
    1023,
    "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11",
    "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
  ],
  [
    1024,
    "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7",
    "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
  ],
  [
    1025,
    "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444",
    "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
  ],
  [
    3072,
    "b98cb0ff3623be03326b373de6b9095218513e64f1ee2edd2525c7ad1e5cffd2",
    "044a0e7b172a312dc02a4c9a818c036ffa2776368d7f528268d2e6b5df191770",
  ],
  [
    5121,
    "628bd2cb2004694adaab7bbd778a25df25c47b9d4155a55f8fbd79f2fe154cff",
    "6ccf1c34753e7a044db80798ecd0782a8f76f33563accaddbfbb2e0ea4b2d024",
  ],
  [
    8192,
    "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63",
    "dc9637c8845a770b4cbf76b8daec0eebf7dc2eac11498517f08d44c8fc00d58a",
  ],
] as const;

describe.for([
  ["reference", referenceHash],
  ["native", nativeHash],
  ["portable", portableHash],
] as const)("%s", ([, hash]) => {
  test.for(vectors)("BLAKE3 of %i bytes", ([length, plain, keyed]) => {
    const input = Uint8Array.from({ length }, (_, i) => i % 251);
    const key = Buffer.from("whats the Elvish word for friend");
    expect(Buffer.from(digestOf(hash, [input])).toString("hex")).toBe(plain);
    const parts = [input.subarray(0, 7), input.subarray(7)];
    expect(Buffer.from(digestOf(hash, parts)).toString("hex")).toBe(plain);
    expect(Buffer.from(hash.keyed(key, input)).toString("hex")).toBe(keyed);
  });
});
