import { describe, test } from "vitest";
import { expectLeastPrivilege } from "../elasticsearch/least-privilege.ts";
import { realServersMissing, startRealServer } from "../elasticsearch/real-server.ts";

// Only the distribution with security has API keys, and it is a download of 950 MB: it is asked for by hand.
const missing =
  realServersMissing() ??
  (process.env.LOCUM_ES_FULL === "1" ? undefined : "set LOCUM_ES_FULL=1 to run it: a download of 950 MB");

describe.skipIf(missing)(`API keys of a real server${missing ? ` (${missing})` : ""}`, () => {
  test("those of the collector do for its work, and for little else", { timeout: 900_000 }, async () => {
    await using real = await startRealServer("elasticsearch-9", { args: ["--full", "--security"] });
    await expectLeastPrivilege(real.url);
  });
});
