import { startTestCollector, type TestCollector } from "@locum/collector/collector-fixture";
import { connectSidecar, type TestSidecar } from "@locum/collector/sidecar-fixture";
import { type AuditEvent, AuditKind } from "@locum/contracts";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { until } from "./until.ts";

/** A collector with two sidecars, a day of records and a browser that watches for errors. */
export type ConsoleRig = {
  collector: TestCollector;
  sidecars: [TestSidecar, TestSidecar];
  /** A page of its own session, logged in by an address; what it complains of is collected. */
  open(path: string, options?: { width?: number; dark?: boolean }): Promise<Seen>;
  browser: Browser;
  /** Fails instance a, and waits until its incident is there. */
  fail(detail: string): Promise<string>;
  close(): Promise<void>;
};
export type Seen = { page: Page; complaints: string[] };

export const hostile = `"><script>document.title='owned'</script><img src=x onerror="document.title='owned'">`;

const hourMs = 3_600_000;

export async function startConsoleRig(executablePath: string): Promise<ConsoleRig> {
  const collector = await startTestCollector();
  const connect = (instance: string) =>
    connectSidecar({ url: collector.url, token: collector.token("sidecar"), instance });
  const sidecars: [TestSidecar, TestSidecar] = [await connect("a"), await connect("b")];
  const beat = setInterval(() => {
    for (const one of sidecars) if (one.isOpen()) one.report();
  }, 150);
  await collector.audit.append(aDay(Date.now()));
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox"] });
  const viewer = collector.client("viewer");
  await until(async () => (await viewer.services())[0]?.fit.length === 2, { what: "both are fit" });
  return {
    collector,
    sidecars,
    browser,
    async open(path, { width = 1440, dark = false } = {}) {
      const context = await browser.createBrowserContext();
      const page = await context.newPage();
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
      const complaints: string[] = [];
      page.on("console", (message) => complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("requestfailed", (request) => {
        // An event stream ends with its page.
        if (!request.url().includes("/events")) complaints.push(`failed: ${request.url()}`);
      });
      page.on("response", (response) => {
        if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`);
      });
      const { path: login } = await viewer.consoleLink();
      await page.goto(`${collector.url}${login}&next=${encodeURIComponent(path)}`);
      // As a browser writes it: it encodes more than a server does.
      const wanted = new URL(path, collector.url).href;
      await page.waitForFunction(`location.href === ${JSON.stringify(wanted)}`);
      await page.waitForSelector("main h1");
      return { page, complaints };
    },
    async fail(detail) {
      sidecars[0].report({
        verdict: {
          kind: "failed",
          failure: "wrong-output",
          hard: true,
          evidence: [{ rung: "golden", atMs: 0, detail }],
        },
        fit: false,
        goldens: "failed",
        diverted: true,
      });
      return until(async () => (await viewer.incidents({ open: true }))[0]?.id, { what: "the incident" });
    },
    async close() {
      clearInterval(beat);
      await browser.close();
      for (const one of sidecars) await one.end();
      await collector.close();
    },
  };
}

/** Every kind of record, unevenly spread over a day, with reasons and facts that are not harmless. */
function aDay(nowMs: number): AuditEvent[] {
  const reasons = [
    "one golden answered wrongly, asked again: wrong",
    "requested at the command line",
    "模型輸出不一致 · sortie fausse",
    hostile,
    "",
  ];
  return Array.from({ length: 240 }, (_, index): AuditEvent => {
    const kinds = index % 3 === 0 ? AuditKind.options : AuditKind.options.slice(8, 20);
    return {
      kind: kinds[(index * 7) % kinds.length] ?? "collector.start",
      at: new Date(
        nowMs - Math.round((((index * 37) % 240) / 240) ** 2 * 23 * hourMs) - 60_000,
      ).toISOString(),
      service: index % 17 === 0 ? hostile : index % 5 === 0 ? "chest-xray" : "s",
      instance: [null, "a", "b"][index % 3] ?? null,
      actor: ["collector", "sidecar:a", "token:ops", hostile.slice(0, 120)][index % 4] ?? "collector",
      epoch: index % 9,
      incident: index % 11 === 0 ? "incident-of-another-day" : null,
      reason: reasons[index % reasons.length] ?? "",
      facts: {
        failure: "wrong-output",
        tookMs: (index * 131) % 9000,
        note: hostile,
        fits: index % 2 === 0,
        release: null,
      },
    };
  });
}
