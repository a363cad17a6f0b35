import { z } from "zod";

/** The one shape of every error answer: `Fault.toJSON()`. Its status is the `http` column of the table of faults. */
export const FaultAnswer = z
  .object({
    code: z.string().describe("stable; docs/errors.md lists every code"),
    message: z.string(),
    hint: z.string().describe("what to do"),
    retry: z.enum(["never", "later", "now"]),
  })
  .meta({ id: "Fault" });
export type FaultAnswer = z.infer<typeof FaultAnswer>;
