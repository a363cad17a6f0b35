import { z } from "zod";

/** What of a manifest stands in the clear, for who may list snapshots but not read them. */
export const stub = z.object({
  format: z.literal("LSR/1"),
  id: z.string().regex(/^[0-9A-HJKMNP-TV-Z]{26}$/),
  model: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,99}$/),
  capturedAt: z.iso.datetime({ precision: 3 }),
  bytes: z.number().int().nonnegative(),
  files: z.number().int().nonnegative(),
  parent: z.string().nullable(),
  torn: z.boolean(),
  signer: z.string().nullable(),
});
export type Stub = z.infer<typeof stub>;
