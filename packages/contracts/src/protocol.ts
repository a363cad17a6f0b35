import { z } from "zod";

/** What a model server speaks. One adapter of packages/serving each, and one reader of its traffic for the tap. */
export const Protocol = z.enum([
  "oip-v2-rest",
  "oip-v2-grpc",
  "openai",
  "kserve-v1",
  "torchserve",
  "http-json",
]);
export type Protocol = z.infer<typeof Protocol>;

const Path = z
  .string()
  .regex(/^\/[^\s#]*$/)
  .max(2048)
  .describe("path of the server, with / in front; {model} stands for the model's name");

/** Where a server of no known protocol keeps what Locum asks, and where its answers hold the outputs. */
export const HttpJson = z.strictObject({
  live: Path.default("/").describe("GET; any status below 400 says that it lives"),
  ready: Path.optional().describe("GET; as live if absent"),
  infer: Path.describe("POST of the golden's request as JSON"),
  reload: Path.optional().describe("POST that makes it read the model's files again"),
  models: z.array(z.string().min(1).max(256)).min(1).max(64).default(["default"]),
  outputs: z
    .record(z.string().min(1).max(256), z.string().min(1).max(1024))
    .default({ answer: "$" })
    .describe("output name: JSONPath (RFC 9535) of its value in the answer"),
  idempotent: z.boolean().default(false).describe("whether an inference may be sent a second time"),
});
export type HttpJson = z.infer<typeof HttpJson>;
