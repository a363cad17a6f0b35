import { Fault } from "@locum/contracts";
import { expect, test } from "vitest";
import { serverBase } from "./server-base.ts";

test.for([
  ["http://h:8000", "http://h:8000"],
  ["http://h:8000/", "http://h:8000"],
  ["http://h:8000/v2", "http://h:8000"],
  ["http://h:8000/v2/", "http://h:8000"],
  ["http://h/v1", "http://h"],
  ["https://h/models/a/v2/", "https://h/models/a"],
  ["http://[::1]:8000/v2?x=1#y", "http://[::1]:8000"],
  ["http://h/av2", "http://h/av2"],
] as const)("%s", ([url, base]) => expect(serverBase(url)).toEqual({ base }));

test("credentials become a header and leave the URL", () => {
  expect(serverBase("https://us%40er:p%3Aw@h/v2")).toEqual({
    base: "https://h",
    authorization: `Basic ${Buffer.from("us@er:p:w").toString("base64")}`,
  });
});

test.for(["", "h:8000", "ftp://h", "http://"])("%j is no server", (url) =>
  expect(() => serverBase(url)).toThrow(Fault),
);
