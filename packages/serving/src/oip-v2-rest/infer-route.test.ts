import { expect, test } from "vitest";
import { inferRoute } from "./infer-route.ts";

test.for([
  ["/v2/models/digits/infer", { model: "digits" }],
  ["/v2/models/digits/infer?x=1", { model: "digits" }],
  ["/v2/models/digits/versions/3/infer", { model: "digits", version: "3" }],
  ["/v2/models/a%2Fb%20c/infer", { model: "a/b c" }],
  ["/v2/models/infer/infer", { model: "infer" }],
  ["/v2/models/digits", undefined],
  ["/v2/models/digits/inference", undefined],
  ["/v2/models/digits/infer/more", undefined],
  ["/v2/models//infer", undefined],
  ["/v2/models/%zz/infer", undefined],
  ["/v1/models/digits/infer", undefined],
  ["/x/v2/models/digits/infer", undefined],
  ["", undefined],
] as const)("%s", ([path, expected]) => expect(inferRoute(path)).toEqual(expected));
