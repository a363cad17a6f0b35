import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestCollector, type TestCollector } from "../collector.fixture.ts";

let collector: TestCollector;
beforeAll(async () => {
  collector = await startTestCollector();
});
afterAll(async () => {
  await collector.close();
});

const ask = (path: string, init: RequestInit = {}) => collector.collector.app.request(path, init);
const post = (path: string, form: Record<string, string>, headers: Record<string, string> = {}) =>
  ask(path, { method: "POST", body: new URLSearchParams(form), headers });
const cookieOf = (answer: Response): string => (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
const session = async (): Promise<string> =>
  cookieOf(await post("/login", { token: collector.token("viewer") }));
const page = async (path: string) => ask(path, { headers: { cookie: await session() } });

test.each([
  "/",
  "/incidents",
  "/incidents/i-1",
  "/audit?kind=incident.open",
  "/audit/1",
  "/dashboards",
  "/dashboards/fleet",
  "/events",
])("%s sends who has no session to the login, and shows nothing", async (path) => {
  const [name = ""] = (await session()).split("=");
  for (const cookie of ["", `${name}=guess`, `${name}=${collector.token("admin")}`]) {
    const answer = await ask(path, { headers: { cookie } });
    expect(answer.status).toBe(303);
    expect(answer.headers.get("location")).toBe(`/login?next=${encodeURIComponent(path)}`);
    expect(await answer.text()).toBe("");
  }
});

test.each(["/", "/login", "/audit?from=yesterday", "/dashboards/none", "/assets/0/none.js"])(
  "%s allows nothing from elsewhere and nothing inline",
  async (path) => {
    const answer = await page(path);
    const policy = answer.headers.get("content-security-policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toContain("unsafe");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const text = await answer.text();
    expect(text).not.toMatch(/<script(?![^>]* src="\/assets\/)|<style| style="| on\w+="/);
    expect(text).not.toMatch(/(src|href|action)="(?!\/|#)/);
  },
);

test.each([
  ["/audit?kind=nothing", 422],
  ["/audit?from=yesterday", 422],
  ["/audit?after=-1", 422],
  [`/audit?text=${"x".repeat(201)}`, 422],
  ["/audit/one", 404],
  ["/audit/999999", 404],
  ["/incidents/none", 404],
  ["/dashboards/none", 404],
  ["/dashboards/fleet?span=1000y", 422],
  ["/events?service=none", 404],
] as const)("%s is a page with the status %i that says why", async (path, status) => {
  const answer = await page(path);
  expect(answer.status).toBe(status);
  expect(answer.headers.get("content-type")).toContain("text/html");
  expect(await answer.text()).toMatch(/<h1>[^<]{5,}<\/h1>/);
});

test("the cookie is a random id that scripts and other sites do not get, and no token", async () => {
  const answer = await post("/login", { token: ` ${collector.token("viewer")} `, next: "/audit" });
  expect(answer.status).toBe(303);
  expect(answer.headers.get("location")).toBe("/audit");
  const cookie = answer.headers.get("set-cookie") ?? "";
  expect(cookie).toMatch(/^locum_[0-9a-f]{8}=[\w-]{22}; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/);
  expect(await session()).not.toBe(cookieOf(answer));
});

test.each([
  "//evil.example",
  "/\\evil.example",
  "https://evil.example",
  "javascript:alert(1)",
  "/login?next=/",
  "/a\nb",
])("after the login nobody is sent to %j", async (next) => {
  const answer = await post("/login", { token: collector.token("viewer"), next });
  expect(answer.headers.get("location")).toBe("/");
});

test.each([
  ["no token", {}, 401],
  ["a wrong token", { token: "x".repeat(43) }, 401],
  ["a sidecar's token", { token: "sidecar" }, 403],
])("%s opens no session", async (_, form, status) => {
  const token = "token" in form && form.token === "sidecar" ? { token: collector.token("sidecar") } : form;
  const answer = await post("/login", token);
  expect(answer.status).toBe(status);
  expect(answer.headers.get("set-cookie")).toBeNull();
  expect(await answer.text()).not.toContain(collector.token("sidecar"));
});

test.each(["/login", "/logout"])("%s takes no form of another site, and none without end", async (path) => {
  const foreign = await post(path, { token: collector.token("viewer") }, { "sec-fetch-site": "cross-site" });
  expect([foreign.status, foreign.headers.get("set-cookie")]).toEqual([403, null]);
  expect((await post(path, { token: "x".repeat(20_000) })).status).toBe(413);
});

test("an address opens the pages once, for reading, and is asked for with a token", async () => {
  expect((await ask("/v1/console/links", { method: "POST" })).status).toBe(401);
  const { path, lastsMs } = await collector.client("admin").consoleLink();
  expect(lastsMs).toBeLessThanOrEqual(15 * 60_000);
  for (const role of ["admin", "viewer"] as const) expect(path).not.toContain(collector.token(role));
  const first = await ask(path);
  expect([first.status, first.headers.get("refresh")]).toEqual([200, "0; url=/"]);
  const cookie = cookieOf(first);
  expect(await (await ask("/", { headers: { cookie } })).text()).toContain("admin, viewer");
  const second = await ask(path);
  expect([second.status, second.headers.get("set-cookie")]).toEqual([401, null]);
});

test("who logs out is out", async () => {
  const cookie = await session();
  expect((await ask("/", { headers: { cookie } })).status).toBe(200);
  await ask("/logout", { method: "POST", headers: { cookie } });
  expect((await ask("/", { headers: { cookie } })).status).toBe(303);
});

test("the API takes no cookie: nothing that a browser sends by itself changes anything", async () => {
  const headers = {
    cookie: await session(),
    "content-type": "application/json",
    "idempotency-key": "a-key-of-the-test",
  };
  expect((await ask("/v1/services", { headers })).status).toBe(401);
  const body = JSON.stringify({ service: "s", instance: "a" });
  expect((await ask("/v1/reloads", { method: "POST", headers, body })).status).toBe(401);
});

test("style and islands are there under names that change with them, to be kept for good", async () => {
  const text = await (await page("/")).text();
  const found = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path ?? "");
  expect(found.map((path) => path.split("/").at(-1)).sort()).toEqual([
    "console.css",
    "icon.svg",
    "live.js",
    "theme.js",
  ]);
  for (const path of found) {
    const answer = await ask(path);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toContain("immutable");
    expect((await answer.text()).length).toBeGreaterThan(100);
  }
});

test("a theme that is none is not written into the page", async () => {
  const answer = await ask("/login", { headers: { cookie: 'locum_theme="><script>' } });
  expect(await answer.text()).toContain('data-theme="auto"');
});
