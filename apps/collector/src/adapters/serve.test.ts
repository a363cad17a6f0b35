import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "@locum/contracts/client";
import { systemClock } from "@locum/runtime";
import { afterEach, beforeEach, expect, test } from "vitest";
import { testCertificate } from "../test-certificate.fixture.ts";
import { serve } from "./serve.ts";

let folder = "";
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "locum-serve-"));
  for (const [name, text] of Object.entries(testCertificate)) writeFileSync(join(folder, name), text);
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true });
});
const ready = { ready: true, problems: [] };
const start = async (tls: { cert: string; key: string } | null, listen = "127.0.0.1:0") => {
  const served = await serve({
    config: { listen, tls },
    fetch: () => Response.json(ready),
    upgrade: (_, socket) => socket.destroy(),
    clock: systemClock,
    log: () => undefined,
  });
  server = served.server;
  return served.url;
};

test("with a certificate it speaks TLS: a client that trusts it is answered, another is not", async () => {
  const url = await start({ cert: join(folder, "cert"), key: join(folder, "key") });
  expect(url).toMatch(/^https:/);
  expect(await createClient({ baseUrl: url, ca: testCertificate.cert }).ready()).toEqual(ready);
  await expect(createClient({ baseUrl: url }).ready()).rejects.toMatchObject({
    code: "collector-unreachable",
  });
});

test("off loopback only with TLS", async () => {
  await expect(start(null, "0.0.0.0:0")).rejects.toMatchObject({ code: "config-invalid" });
  expect(await start({ cert: join(folder, "cert"), key: join(folder, "key") }, "0.0.0.0:0")).toMatch(
    /^https:/,
  );
});

test.each([
  ["is missing", "/nonexistent/cert"],
  ["is none", "key"],
])("a certificate that %s is a fault of the configuration", async (_, cert) => {
  const given = { cert: cert.startsWith("/") ? cert : join(folder, cert), key: join(folder, "key") };
  await expect(start(given)).rejects.toMatchObject({ code: "config-invalid" });
});
