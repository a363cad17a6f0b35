import { connect } from "@locum/serving";
import { describe } from "vitest";
import { hostileCases } from "./hostile-cases.ts";

const request = { messages: [{ role: "user", content: "hi" }] };

describe("serving: openai against what is no model server", () =>
  hostileCases((url, answerBytesMax) => connect({ url, answerBytesMax, protocol: "openai" }), request));
