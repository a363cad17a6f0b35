import { dashboards } from "@locum/dashboards/pages";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ConsoleRig, hostile, type Seen, startConsoleRig } from "../stack/console-rig.ts";
import { findChromium } from "../stack/find-chromium.ts";
import { locumCommand } from "../stack/locum-command.ts";
import { overflowOf, tabStops, weakTexts } from "../stack/page-checks.ts";

const executablePath = findChromium();
const missing =
  process.env.LOCUM_REAL_PARTS !== "1"
    ? "set LOCUM_REAL_PARTS=1"
    : executablePath === undefined
      ? "no Chromium on this machine"
      : undefined;

/** The collector's own pages in a real browser. */
describe.skipIf(missing)(`the console in Chromium${missing ? ` (${missing})` : ""}`, () => {
  let rig: ConsoleRig;
  const opened: Seen[] = [];
  const open = async (...args: Parameters<ConsoleRig["open"]>) => {
    const seen = await rig.open(...args);
    opened.push(seen);
    return seen;
  };
  const texts = ({ page }: Seen, selector: string) =>
    page.$$eval(selector, (found) => found.map((one) => (one.textContent ?? "").trim()));
  const submit = async ({ page }: Seen) => {
    await Promise.all([page.waitForNavigation(), page.click(".filters button[type=submit]")]);
  };

  beforeAll(async () => {
    rig = await startConsoleRig(executablePath ?? "");
  });
  afterAll(async () => {
    await rig?.close();
  });

  const paths = [
    "/",
    "/incidents",
    "/audit",
    "/audit/20",
    "/dashboards",
    ...dashboards.map(({ id }) => `/dashboards/${id}?span=7d`),
  ];
  it.each(paths)(
    "%s: no complaint, nothing sideways, enough contrast, in light and dark, wide and narrow",
    async (path) => {
      for (const [width, dark] of [
        [1440, false],
        [375, true],
      ] as const) {
        const seen = await open(path, { width, dark });
        expect(await weakTexts(seen.page)).toEqual([]);
        expect(await overflowOf(seen.page)).toBeLessThanOrEqual(0);
        expect(await seen.page.title()).toMatch(/ · Locum$/);
        expect(await seen.page.$$("main script, main img, main iframe, [style], [onclick]")).toHaveLength(0);
        expect(seen.complaints).toEqual([]);
        await seen.page.browserContext().close();
      }
    },
  );

  it("fits every width between", async () => {
    const { page } = await open("/");
    const wide: string[] = [];
    for (const path of paths) {
      await page.goto(rig.collector.url + path);
      for (const width of [320, 520, 768, 901, 1024, 1121]) {
        await page.setViewport({ width, height: 800 });
        if ((await overflowOf(page)) > 0) wide.push(`${path} at ${width}`);
      }
    }
    expect(wide).toEqual([]);
  });

  it("is walked with the Tab key alone, and one sees where one is", async () => {
    for (const path of ["/", "/audit", "/audit/20", "/dashboards/explorer"]) {
      const { page } = await open(path);
      const focusable = (await page.evaluate(`[...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']"
      )].filter((one) => one.tabIndex >= 0 && one.checkVisibility()).length`)) as number;
      const stops = await tabStops(page);
      expect(stops[0]?.name).toBe("a Skip to the content");
      expect(stops).toHaveLength(focusable);
      expect(stops.filter(({ isVisible }) => !isVisible)).toEqual([]);
    }
  });

  it("skips to the content by keyboard", async () => {
    const { page } = await open("/audit");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  it("narrows the log by service, kind and words, each by the address as well", async () => {
    const seen = await open("/audit");
    await seen.page.select("#field-service", "chest-xray");
    await submit(seen);
    expect(new URL(seen.page.url()).searchParams.get("service")).toBe("chest-xray");
    expect(new Set(await texts(seen, "td[data-label=Service]"))).toEqual(new Set(["chest-xray"]));
    await seen.page.click(".kinds summary");
    await seen.page.click("input[name=kind][value='divert.end']");
    await submit(seen);
    expect(new Set(await texts(seen, "td[data-label=Kind]"))).toEqual(new Set(["divert.end"]));
    const again = await open(new URL(seen.page.url()).pathname + new URL(seen.page.url()).search);
    expect(await texts(again, "td[data-label=Seq]")).toEqual(await texts(seen, "td[data-label=Seq]"));
    await again.page.type("#field-text", "golden wrongly");
    await submit(again);
    expect(new Set(await texts(again, "td[data-label=Reason]"))).toEqual(
      new Set(["one golden answered wrongly, asked again: wrong"]),
    );
    expect(again.complaints).toEqual([]);
  });

  it("pages through the log without a gap, and a bar leads to its time", async () => {
    const seen = await open("/audit?order=asc");
    const first = (await texts(seen, "td[data-label=Seq]")).map(Number);
    await Promise.all([seen.page.waitForNavigation(), seen.page.click("a[rel=next]")]);
    const second = (await texts(seen, "td[data-label=Seq]")).map(Number);
    expect([...first, ...second]).toEqual(Array.from({ length: 100 }, (_, seq) => seq));
    await seen.page.goto(`${rig.collector.url}/audit`);
    const label = await seen.page.$eval(".plot a", (bar) => bar.getAttribute("aria-label") ?? "");
    await seen.page.evaluate("document.querySelector('.plot a').focus()");
    await Promise.all([seen.page.waitForNavigation(), seen.page.keyboard.press("Enter")]);
    expect((await texts(seen, ".title b"))[0]).toBe(label.split(" ")[0]);
  });

  it("shows a record with its hash, and says that the chain holds", async () => {
    const seen = await open("/audit/20");
    const record = rig.collector.audit.records[20];
    expect(await texts(seen, "dd code")).toEqual([record?.hash, record?.previous]);
    expect((await texts(seen, ".notes .badge")).slice(0, 3)).toEqual(["holds", "holds", "holds"]);
  });

  it("keeps hostile text as text, and runs nothing that came into the page", async () => {
    const seen = await open(`/audit?actor=${encodeURIComponent(hostile.slice(0, 120))}`);
    expect(await texts(seen, "td[data-label=Actor]")).toContain(hostile.slice(0, 120));
    expect(seen.complaints).toEqual([]);
    await seen.page.evaluate(`{
      const script = document.createElement("script");
      script.textContent = "document.title = 'owned'";
      document.body.append(script);
      document.querySelector("main").insertAdjacentHTML("beforeend", "<img src=x onerror=\\"document.title='owned'\\">");
    }`);
    await expect
      .poll(() => seen.complaints.filter((text) => /Content Security Policy/.test(text)).length)
      .toBeGreaterThan(1);
    expect(await seen.page.title()).toBe("Audit · Locum");
  });

  it("switches its colours, and keeps them on the next page", async () => {
    const seen = await open("/");
    const ground = () => seen.page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await ground();
    for (const wanted of ["light", "dark"]) {
      await seen.page.click("#theme");
      expect(await texts(seen, "#theme")).toEqual([`Theme: ${wanted}`]);
    }
    const dark = await ground();
    expect(dark).not.toBe(light);
    await Promise.all([seen.page.waitForNavigation(), seen.page.click('nav a[href="/incidents"]')]);
    expect(await ground()).toBe(dark);
    expect(seen.complaints).toEqual([]);
  });

  it("logs in by a token, to the page that was asked for, and out again", async () => {
    const context = await rig.browser.createBrowserContext();
    const page = await context.newPage();
    const login = async (token: string) => {
      await page.type("#token", token);
      await Promise.all([page.waitForNavigation(), page.keyboard.press("Enter")]);
    };
    await page.goto(`${rig.collector.url}/audit?service=s`);
    expect(new URL(page.url()).pathname).toBe("/login");
    await login("not-a-token-0123456789");
    expect(await page.$eval("[role=alert]", (one) => one.textContent)).toContain("no valid token");
    await login(rig.collector.token("sidecar"));
    expect(await page.$eval("[role=alert]", (one) => one.textContent)).toContain("role sidecar");
    await login(rig.collector.token("viewer"));
    expect(page.url()).toBe(`${rig.collector.url}/audit?service=s`);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
    expect(cookie?.value).not.toContain(rig.collector.token("viewer"));
    await Promise.all([page.waitForNavigation(), page.click(".who form button")]);
    await page.goto(rig.collector.url);
    expect(new URL(page.url()).pathname).toBe("/login");
    await context.close();
  });

  it("is opened by the address that locum console prints, once", async () => {
    const { config, url, folder } = rig.collector;
    const command = ["console", "--collector", url, "--token-file", config.tokenFile];
    const { stdout } = await locumCommand({ dir: folder }).done(...command);
    const context = await rig.browser.createBrowserContext();
    const page = await context.newPage();
    await page.goto(stdout.trim());
    await page.waitForFunction(`location.pathname === "/"`);
    expect(await page.$eval("h1", (one) => one.textContent)).toBe("Fleet");
    await page.goto(stdout.trim());
    expect(await page.$eval("[role=alert]", (one) => one.textContent)).toContain("used already");
    await context.close();
  });

  // Last: it breaks an instance.
  it("tells of a failure while one looks, and keeps the focus where it was", async () => {
    const seen = await open("/");
    await seen.page.focus('section a[href*="instance=b"]');
    const id = await rig.fail(hostile);
    await seen.page.waitForFunction(`document.querySelector("#service-s .badge.bad")`);
    expect(await texts(seen, '#service-s td[data-label="Verdict"] .badge')).toContain("wrong-output");
    await seen.page.waitForFunction(
      `document.querySelector('#latest').textContent.includes("incident.open")`,
    );
    expect(await seen.page.evaluate("document.activeElement.getAttribute('href')")).toContain("instance=b");
    expect(await texts(seen, "#live-state")).toEqual(["live"]);
    await seen.page.goto(`${rig.collector.url}/incidents/${id}`);
    expect(await texts(seen, "td[data-label=Step]")).toContain("detect");
    expect((await texts(seen, "td[data-label=Detail]")).join()).toContain(hostile);
    expect(await seen.page.$$("figure svg .mark")).not.toHaveLength(0);
    expect(await weakTexts(seen.page)).toEqual([]);
    expect(seen.complaints).toEqual([]);
  });
});
