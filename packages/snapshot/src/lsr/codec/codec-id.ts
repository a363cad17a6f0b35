/** The first word about a record: how its chunk was encoded. The numbers are part of the format. */
export const codecId = { raw: 0, zstd: 1, planes: 2, constant: 3, delta: 4, sealed: 255 } as const;

export type CodecName = Exclude<keyof typeof codecId, "sealed">;
