import { connect } from "@locum/serving";
import { describe } from "vitest";
import { hostileCases } from "./hostile-cases.ts";

/** An object with outputs is an answer by columns; a handler may return a list of anything too. */
const columns = ["answers a binary part that is not there", "answers outputs that do not fit"];
const plausible = [...columns, "answers other JSON"];

describe("serving: kserve-v1 against what is no model server", () =>
  hostileCases(
    (url, answerBytesMax) => connect({ protocol: "kserve-v1", url, answerBytesMax }),
    { instances: [[1]] },
    { plausible: columns },
  ));

describe("serving: torchserve against what is no model server", () =>
  hostileCases(
    (url, answerBytesMax) => connect({ protocol: "torchserve", url, management: url, answerBytesMax }),
    { instances: [[1]] },
    { plausible },
  ));

const httpJson = { live: "/", infer: "/infer", models: ["m"], outputs: { answer: "$" }, idempotent: true };

describe("serving: http-json against what is no model server", () =>
  hostileCases(
    (url, answerBytesMax) => connect({ protocol: "http-json", url, answerBytesMax, httpJson }),
    { x: 1 },
    { plausible, describes: false },
  ));

describe("serving: a server of no named protocol against what is no model server", () =>
  hostileCases((url, answerBytesMax) => connect({ url, answerBytesMax }), { inputs: [] }));
