import { z } from "zod";

/** Records of the log with what proves that they are in it: each path leads to the root that the checkpoint signs. */
export const AuditProof = z
  .object({
    key: z.string().max(512).describe("the log's key, <name>+<id>+<base64> (C2SP signed-note)"),
    checkpoint: z.string().max(65_536).describe("C2SP checkpoint, with the cosignatures of witnesses"),
    inclusion: z
      .array(
        z.object({
          seq: z.number().int().min(0),
          path: z.array(z.string().regex(/^[A-Za-z0-9+/]{43}=$/)).max(64),
        }),
      )
      .max(10_000)
      .describe("RFC 6962 audit paths, base64 of 32 bytes each"),
  })
  .meta({ id: "AuditProof" });
export type AuditProof = z.infer<typeof AuditProof>;
