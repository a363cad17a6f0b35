import { expect, test } from "vitest";
import { serviceConfig } from "./collector.fixture.ts";
import { collectorConfig } from "./config.ts";

const on = (listen: string, tls?: { cert: string; key: string }) =>
  serviceConfig({ collector: { listen, ...(tls ? { tls } : {}) } });

test("flags win over the first file; the first file over the others", () => {
  const services = [serviceConfig({ collector: { dataDir: "one" } }), serviceConfig({ service: "t" })];
  expect(collectorConfig(services)).toMatchObject({ dataDir: "one", listen: "127.0.0.1:0" });
  expect(collectorConfig(services, { listen: "127.0.0.1:7", "data-dir": "x" })).toMatchObject({
    dataDir: "x",
    listen: "127.0.0.1:7",
  });
});

test.each(["127.0.0.1:0", "127.9.9.9:1", "[::1]:0", "localhost:80"])("%s needs no certificate", (listen) => {
  expect(collectorConfig([on(listen)]).listen).toBe(listen);
});

test.each(["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "collector.example:1", "127.0.0.1.example:1"])(
  "%s is refused without a certificate and taken with one",
  (listen) => {
    expect(() => collectorConfig([on(listen)])).toThrow(expect.objectContaining({ code: "config-invalid" }));
    expect(collectorConfig([on(listen, { cert: "c", key: "k" })]).listen).toBe(listen);
  },
);

test("an address that is none, a service twice and no service are refused", () => {
  expect(() => collectorConfig([serviceConfig()], { listen: "here" })).toThrow("host:port");
  expect(() => collectorConfig([serviceConfig(), serviceConfig()])).toThrow("configured twice");
  expect(() => collectorConfig([])).toThrow("--config");
});

test("a service's snapshots are looked for in one repository", () => {
  const kept = (...services: string[][]) =>
    collectorConfig([
      serviceConfig({
        collector: {
          repositories: services.map((services, at) => ({ place: `/r${at}`, privateKeyFile: "k", services })),
        },
      }),
    ]).repositories;
  expect(kept(["s"], ["t"], [])).toHaveLength(3);
  expect(() => kept(["s"], ["t", "s"])).toThrow("two of them have the service s");
  expect(() => kept([], ["t"], [])).toThrow("no list of services");
});
