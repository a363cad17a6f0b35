import { expect, test } from "vitest";
import { healthyReport } from "../sidecar.fixture.ts";
import { verifyTrafficPath } from "./traffic-path.ts";

const says =
  (value: unknown, status = 200): typeof fetch =>
  async () =>
    new Response(typeof value === "string" ? value : JSON.stringify(value), { status });
const report = healthyReport({ role: "active", epoch: 3, control: "http://127.0.0.1:1" });

test.each([
  ["active in this epoch", { role: "active", epoch: 3 }, 200, true],
  ["active in a later epoch", { role: "active", epoch: 4 }, 200, true],
  ["active in an older epoch", { role: "active", epoch: 2 }, 200, false],
  ["still standby", { role: "standby", epoch: 3 }, 200, false],
  ["active and not ready", { role: "active", epoch: 3 }, 503, false],
  ["no epoch", { role: "active" }, 200, false],
  ["no JSON", "<html>", 200, false],
  ["null", null, 200, false],
  ["too much", "x".repeat(70_000), 200, false],
])("an answer of %s", async (_, value, status, ok) => {
  expect(await verifyTrafficPath(report, 3, { fetch: says(value, status) })).toMatchObject({ ok });
});

test("nobody there is an answer too", async () => {
  const fetch = async () => Promise.reject(new TypeError("fetch failed"));
  expect(await verifyTrafficPath(report, 3, { fetch })).toEqual({
    ok: false,
    detail: "/readyz: fetch failed",
  });
  expect(await verifyTrafficPath(null, 3)).toMatchObject({ ok: false });
});

test("without a control address its own report has to do", async () => {
  const own = { ...report, control: null };
  expect(await verifyTrafficPath(own, 3)).toMatchObject({ ok: true });
  expect(await verifyTrafficPath(own, 4)).toMatchObject({ ok: false });
});
