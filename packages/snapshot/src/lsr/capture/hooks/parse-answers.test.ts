import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDumpList } from "./postgresql-hook.ts";
import { parseRedisInfo } from "./redis-hook.ts";

test("the list of a dump names the server's version and how much is in it", () => {
  const list =
    ";\n;     dbname: model\n;     TOC Entries: 14\n;     Dumped from database version: 15.14 (Debian 15.14-0)\n;\n";
  expect(parseDumpList(list)).toEqual({ version: "15.14 (Debian 15.14-0)", entries: 14 });
  expect(parseDumpList("")).toEqual({});
});

test("INFO of a server names its run and its place in the stream", () => {
  const info =
    "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\nos:Linux\r\n# Replication\r\nmaster_repl_offset:12\r\n";
  expect(parseRedisInfo(info)).toEqual({ redis_version: "7.0.15", run_id: "abc", master_repl_offset: "12" });
  expect(() => parseRedisInfo("NOAUTH Authentication required.\n")).toThrow("NOAUTH");
});

test("any text is read, or refused with a code", () => {
  fc.assert(
    fc.property(fc.string({ size: "large" }), (text) => {
      expect(Object.keys(parseDumpList(text)).length).toBeLessThanOrEqual(2);
      try {
        parseRedisInfo(text);
      } catch (error) {
        expect(error).toMatchObject({ code: "upstream-refused" });
      }
    }),
  );
});
