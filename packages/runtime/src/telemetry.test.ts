import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { logs, metrics as metricsApi, trace } from "@opentelemetry/api";
import { afterEach, expect, test } from "vitest";
import { listen } from "./listen.ts";
import { createMetrics } from "./metrics.ts";
import { createTelemetry } from "./telemetry.ts";
import type { TelemetryFilter } from "./telemetry-filter.ts";

const filter: TelemetryFilter = {
  mark: "locum/telemetry-filter/v1",
  admitMetric: (name) =>
    ["locum.requests", "locum.latency", "locum.inflight"].includes(name)
      ? { description: "from the schema", unit: "1" }
      : undefined,
  admitAttribute: (_, key, value) => key === "outcome" && value === "ok",
  admitResource: (key) => key === "service.name",
};

const open: ReturnType<typeof createServer>[] = [];
afterEach(() => {
  for (const server of open.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function receiver(status = 200) {
  const bodies: string[] = [];
  const server = createServer(async (request, answer) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    bodies.push(text);
    answer.writeHead(status, { "content-type": "application/json" }).end("{}");
  });
  open.push(server);
  return { url: `${(await listen(server, "127.0.0.1:0")).url}/v1/metrics`, bodies };
}

function counted() {
  const metrics = createMetrics();
  const requests = metrics.counter("locum.requests", { help: "secret-help" });
  requests.add(1, { outcome: "ok", patient: "secret-a" });
  requests.add(2, { outcome: "ok", patient: "secret-b" });
  requests.add(4, { outcome: "secret-c" });
  metrics.counter("locum.secret_metric", { help: "" }).add(1);
  metrics.gauge("locum.inflight", { help: "" }).set(7);
  const latency = metrics.histogram("locum.latency", { help: "", bounds: [1, 2] });
  latency.observe(1.5, { patient: "secret-d" });
  latency.observe(9, { patient: "secret-e" });
  return metrics;
}

test("only what the filter names reaches the receiver; points that become alike are added up", async () => {
  const { url, bodies } = await receiver();
  const telemetry = await createTelemetry({
    service: "digits",
    instance: "secret-instance",
    metrics: counted(),
    filter,
    otlpUrl: url,
    exportMs: 60_000,
  });
  await telemetry.flush();
  await telemetry.close();
  const text = bodies.join("");
  expect(text).not.toContain("secret");
  expect(text).not.toContain("telemetry.sdk");
  const { resource, scopeMetrics } = JSON.parse(bodies[0] ?? "").resourceMetrics[0];
  expect(resource.attributes).toEqual([{ key: "service.name", value: { stringValue: "digits" } }]);
  const byName = Object.fromEntries(
    scopeMetrics[0].metrics.map((metric: { name: string }) => [metric.name, metric]),
  );
  expect(Object.keys(byName).sort()).toEqual(["locum.inflight", "locum.latency", "locum.requests"]);
  expect(byName["locum.requests"].description).toBe("from the schema");
  const points = byName["locum.requests"].sum.dataPoints.map(
    ({ attributes, asDouble }: { attributes: unknown[]; asDouble: number }) => [attributes.length, asDouble],
  );
  expect(points).toEqual([
    [1, 3],
    [0, 4],
  ]);
  const [latency] = byName["locum.latency"].histogram.dataPoints;
  expect(latency).toMatchObject({ count: 2, sum: 10.5, bucketCounts: [0, 1, 1] });
  expect(telemetry.stats()).toMatchObject({ failures: 0, unjudged: 0 });
  expect(telemetry.stats().exports).toBeGreaterThan(0);
  expect(telemetry.stats().droppedAttributes).toBeGreaterThan(0);
});

test("a filter that throws lets nothing out", async () => {
  const { url, bodies } = await receiver();
  const broken: TelemetryFilter = {
    ...filter,
    admitAttribute: () => {
      throw new Error("broken");
    },
  };
  const telemetry = await createTelemetry({
    service: "digits",
    instance: "a",
    metrics: counted(),
    filter: broken,
    otlpUrl: url,
  });
  await telemetry.flush();
  await telemetry.close();
  expect(bodies).toEqual([]);
  expect(telemetry.stats().unjudged).toBeGreaterThan(0);
});

test("a receiver that refuses is counted and hurts nobody", async () => {
  const { url } = await receiver(400);
  const telemetry = await createTelemetry({
    service: "digits",
    instance: "a",
    metrics: counted(),
    filter,
    otlpUrl: url,
  });
  await telemetry.flush();
  expect(telemetry.stats().failures).toBe(1);
  await telemetry.close();
});

test("no exporter can be built without the filter", async () => {
  const { url } = await receiver();
  for (const none of [
    undefined,
    null,
    {},
    { ...filter, mark: "other" },
    { ...filter, admitMetric: undefined },
  ])
    await expect(
      createTelemetry({
        service: "digits",
        instance: "a",
        metrics: counted(),
        // @ts-expect-error the type says it first
        filter: none,
        otlpUrl: url,
      }),
    ).rejects.toThrow("no exporter without a telemetry filter");
});

test("one file of the code makes exporters, and it is the filtered one", async () => {
  const root = new URL("../../..", import.meta.url).pathname;
  const files = (
    await Promise.all(
      ["packages", "apps"].map(async (folder) =>
        (
          await readdir(join(root, folder), { recursive: true })
        )
          .filter((name) => name.endsWith(".ts") && !name.includes("node_modules"))
          .map((name) => join(folder, name)),
      ),
    )
  ).flat();
  const sources = await Promise.all(
    files.map(async (name) => ({ name, text: await readFile(join(root, name), "utf8") })),
  );
  const makers = sources.filter(({ text }) => /from "@opentelemetry\/exporter/.test(text));
  expect(makers.map(({ name }) => name)).toEqual(["packages/runtime/src/otlp-exporter.ts"]);
});

test("without a URL nothing is exported; nothing of it stays in the process", async () => {
  const telemetry = await createTelemetry({ service: "x", instance: "a", metrics: counted(), filter });
  expect(telemetry.exporting).toBe(false);
  await telemetry.flush();
  await telemetry.close();
  for (const provider of [metricsApi.getMeterProvider(), trace.getTracerProvider(), logs.getLoggerProvider()])
    expect(provider.constructor.name).toMatch(/^(Noop|Proxy)/);
});
