import { Fault } from "@locum/contracts";
import { expect, test } from "vitest";
import { applySetup } from "./apply-setup.ts";
import { createKeys } from "./create-keys.ts";
import { setupPlan } from "./setup-plan.ts";
import { openSetupServer } from "./testing/setup-server.ts";
import { applyRemoval, removalPlan } from "./uninstall-setup.ts";

const kinds = ["elasticsearch-9", "elasticsearch-8", "opensearch-3", "stripped-9", "serverless"] as const;

test.each(kinds)("%s: a second run finds everything as it should be", async (kind) => {
  const server = openSetupServer(kind);
  const first = await setupPlan(server);
  expect(first.steps.every(({ state }) => state === "absent")).toBe(true);
  expect(await applySetup(server, first)).toEqual({ changed: first.steps.length, same: 0 });
  server.changes.length = 0;
  const second = await setupPlan(server);
  expect(second.steps.flatMap(({ differences }) => differences)).toEqual([]);
  expect(await applySetup(server, second)).toEqual({ changed: 0, same: first.steps.length });
  expect(server.changes).toEqual([]);
});

test.each([
  ["elasticsearch-9", "stream", true],
  ["elasticsearch-8", "ilm", false],
  ["opensearch-3", "ism", false],
  ["stripped-9", "stream", true],
  ["serverless", "stream", true],
] as const)("%s: lifecycle %s, failure store %s", async (kind, lifecycle, failureStore) => {
  const { traits, lacks } = await setupPlan(openSetupServer(kind));
  expect(traits).toMatchObject({ lifecycle, failureStore });
  expect(lacks.includes("GET /")).toBe(kind === "stripped-9");
});

test.each(kinds)(
  "%s: wherever it breaks off, no stream's name is without a template after its parts",
  async (kind) => {
    const steps = (await setupPlan(openSetupServer(kind))).steps.length;
    for (let count = 0; count < steps; count++) {
      const server = openSetupServer(kind);
      server.failAfter(count);
      await expect(applySetup(server, await setupPlan(server))).rejects.toThrow("gone");
      const templates = server.changes.filter((change) => change.includes("/_index_template/"));
      // The first one covers every name, so what comes after it can be missing.
      if (templates.length > 0) {
        expect(templates[0]).toBe("PUT /_index_template/locum");
        expect(server.objects.get("/_index_template/locum")).toMatchObject({
          index_patterns: ["logs-locum.*-*"],
          data_stream: {},
        });
        for (const part of ["locum@settings", "locum@ecs", "locum@custom"])
          expect(server.objects.has(`/_component_template/${part}`)).toBe(true);
      }
      server.failAfter(Number.POSITIVE_INFINITY);
      await applySetup(server, await setupPlan(server));
      expect((await setupPlan(server)).steps.every(({ state }) => state === "same")).toBe(true);
    }
  },
);

test("what somebody changed is told field by field and put right; the user's own template is left alone", async () => {
  const server = openSetupServer("elasticsearch-9");
  await applySetup(server, await setupPlan(server));
  const custom = { template: { settings: { index: { number_of_replicas: 2 } } } };
  server.objects.set("/_component_template/locum@custom", custom);
  const settings = server.objects.get("/_component_template/locum@settings") as {
    template: { settings: { index: Record<string, unknown> } };
  };
  settings.template.settings.index.codec = "default";
  settings.template.settings.index.refresh_interval = "60s";
  delete server.objects.get("/_index_template/locum.audit")?.data_stream;
  const changed = (await setupPlan(server)).steps.filter(({ state }) => state !== "same");
  expect(changed.map(({ asset, differences }) => [asset.name, differences])).toEqual([
    [
      "locum@settings",
      [
        { path: "template.settings.index.codec", found: "default", wanted: "best_compression" },
        { path: "template.settings.index.refresh_interval", found: "60s", wanted: null },
      ],
    ],
    ["locum.audit", [{ path: "data_stream", found: null, wanted: "{}" }]],
  ]);
  expect(await applySetup(server, await setupPlan(server))).toMatchObject({ changed: 2 });
  expect(server.objects.get("/_component_template/locum@custom")).toEqual(custom);
  expect((await setupPlan(server)).steps.every(({ state }) => state === "same")).toBe(true);
});

test("a processor that somebody added to the pipeline is taken out: it could change what is proven", async () => {
  const server = openSetupServer("opensearch-3");
  await applySetup(server, await setupPlan(server));
  const pipeline = server.objects.get("/_ingest/pipeline/locum@ingested") as { processors: object[] };
  pipeline.processors.push({ remove: { field: "event.original" } });
  const [changed] = (await setupPlan(server)).steps.filter(({ state }) => state !== "same");
  expect(changed?.differences).toEqual([
    { path: "processors.1.remove.field", found: "event.original", wanted: null },
  ]);
});

test("a changed policy of OpenSearch is replaced by its sequence number", async () => {
  const server = openSetupServer("opensearch-3");
  await applySetup(server, await setupPlan(server));
  const held = server.objects.get("/_plugins/_ism/policies/locum.audit") as {
    policy: { description: string };
  };
  held.policy.description = "changed";
  expect(await applySetup(server, await setupPlan(server))).toMatchObject({ changed: 1 });
  expect(held).not.toBe(server.objects.get("/_plugins/_ism/policies/locum.audit"));
});

test("a stream whose index lacks fields goes on with a new one, once", async () => {
  const server = openSetupServer("elasticsearch-9");
  await applySetup(server, await setupPlan(server));
  server.streams.set("logs-locum.audit-prod", { properties: { message: { type: "text" } } });
  server.streams.set("logs-locum.other-prod", { properties: {} });
  await applySetup(server, await setupPlan(server));
  expect(server.changes.filter((change) => change.includes("_rollover"))).toEqual([
    "POST /logs-locum.audit-prod/_rollover",
  ]);
  expect(await applySetup(server, await setupPlan(server))).toMatchObject({ changed: 0 });
});

test("a plain index of a stream's name is a conflict, and nothing is changed", async () => {
  const server = openSetupServer("elasticsearch-9");
  server.objects.set("logs-locum.audit-default", {});
  await expect(setupPlan(server)).rejects.toMatchObject({ code: "conflict" });
});

test.each([
  ["elasticsearch-8", { number: "8.18.4" }, "refused"],
  ["elasticsearch-9", { number: "seven" }, undefined],
  ["opensearch-3", { number: "2.19.0", distribution: "opensearch" }, "refused"],
] as const)("%s that calls itself %j: %s", async (kind, version, code) => {
  const outcome = await setupPlan(openSetupServer(kind, version)).catch((error: unknown) => error);
  expect(outcome instanceof Fault ? outcome.code : undefined).toBe(code ?? "upstream-protocol");
});

test.each(kinds)("%s: taken out, it is as it was", async (kind) => {
  const server = openSetupServer(kind);
  await applySetup(server, await setupPlan(server));
  const removals = await removalPlan(server);
  await applyRemoval(server, removals);
  expect([...server.objects.keys()]).toEqual([]);
  expect(await removalPlan(server)).toEqual([]);
});

test("documents go only where that is asked for, of one namespace; so do its keys", async () => {
  const server = openSetupServer("elasticsearch-9");
  await applySetup(server, await setupPlan(server));
  expect(await createKeys(server, { namespace: "prod" })).toEqual({
    ship: expect.any(String),
    read: expect.any(String),
  });
  server.streams.set("logs-locum.audit-prod", { properties: {} });
  server.streams.set("logs-locum.audit-dev", { properties: {} });
  await expect(removalPlan(server, { namespace: "prod" })).rejects.toThrow("logs-locum.audit-prod");
  await expect(removalPlan(server, { namespace: "prod", data: true })).rejects.toThrow(
    "logs-locum.audit-dev",
  );
  server.streams.delete("logs-locum.audit-dev");
  server.streams.set("logs-locum.mine-prod", { properties: {} });
  await expect(removalPlan(server, { namespace: "prod", data: true })).rejects.toThrow(
    "logs-locum.mine-prod",
  );
  server.streams.delete("logs-locum.mine-prod");
  server.objects.set("/_component_template/locum@custom", {
    template: { settings: { index: { priority: 1 } } },
  });
  await applyRemoval(server, await removalPlan(server, { namespace: "prod", data: true }));
  expect(server.streams.size).toBe(0);
  expect([...server.objects.keys()]).toEqual(["/_component_template/locum@custom"]);
});

test("the keys have the fewest rights, on one namespace", async () => {
  const server = openSetupServer("elasticsearch-9");
  await createKeys(server, { namespace: "prod" });
  expect([...server.objects.values()].map(({ role_descriptors }) => role_descriptors)).toEqual([
    {
      "locum-ship-prod": {
        cluster: [],
        indices: [{ names: ["logs-locum.*-prod"], privileges: ["create_doc", "auto_configure"] }],
      },
    },
    {
      "locum-read-prod": {
        cluster: ["monitor"],
        indices: [
          { names: ["logs-locum.*-prod"], privileges: ["read", "view_index_metadata", "maintenance"] },
        ],
      },
    },
  ]);
});
