import { connect } from "@locum/serving";
import { describe } from "vitest";
import { hostileCases } from "./hostile-cases.ts";

describe("serving: openai against what is no model server", () =>
  hostileCases((url, answerBytesMax) => connect({ url, answerBytesMax, protocol: "openai" }), {
    request: { messages: [{ role: "user", content: "hi" }] },
    plausible: [],
    describes: true,
  }));
