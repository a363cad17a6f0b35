import { X509Certificate } from "node:crypto";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { someSet } from "@locum/injector/some-set";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePort } from "../stack/free-port.ts";
import { type SidecarProcess, startSidecarProcess } from "./sidecar-process.ts";
import { startCollector } from "./start-collector.ts";
import { type Digits, startDigits } from "./start-digits.ts";

const main = fileURLToPath(new URL("../../apps/sidecar/src/main.ts", import.meta.url));
const patient = { timeout: 20_000, interval: 100 };
let digits: Digits;
let sidecar: SidecarProcess | undefined;
let collector: Awaited<ReturnType<typeof startCollector>> | undefined;
beforeEach(async () => {
  digits = await startDigits();
});
afterEach(async () => {
  await sidecar?.kill("SIGTERM");
  await collector?.kill("SIGTERM");
  await digits.close();
});

test("a sidecar runs before it can know its collector, and follows it to another authority", async () => {
  const at = (name: string) => join(digits.dir, name);
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(at(`.${name}`), text, { mode: 0o600 });
    await rename(at(`.${name}`), at(name));
  };
  const [first, second] = [await someSet(), await someSet()];
  const listen = `127.0.0.1:${await freePort()}`;
  const service = {
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    posture: "tap",
    instances: [{ id: "a", url: digits.url, modelDir: digits.modelDir, sidecar: { stateDir: at("a") } }],
    collector: {
      ...{ listen, url: `https://${listen}`, ca: "ca.crt", tokenFile: "tokens.json" },
      tls: { cert: "tls.crt", key: "tls.key" },
    },
  };
  await put("locum.yaml", JSON.stringify(service));
  await put("tls.key", first.key);
  await put("tls.crt", first.cert);
  const begin = () => startCollector(at("locum.yaml"), { listen, dataDir: at("collector") });
  collector = await begin();

  // As in a namespace that nobody has put the authority into: the model must not wait for it.
  const running = await startSidecarProcess(main, ["--config", at("locum.yaml"), "--instance", "a"]);
  sidecar = running;
  const linked = async () => ((await running.status()) as unknown as { collector: boolean }).collector;
  expect((await fetch(`${running.control}/livez`)).status).toBe(200);
  expect(await linked()).toBe(false);
  await put("ca.crt", first.authorities);
  await expect.poll(linked, patient).toBe(true);

  // Renewed in its files, it is served to whoever comes next, and nobody's stream is ended for it.
  const served = () => fingerprintAt(listen);
  await put("ca.crt", second.authorities);
  await put("tls.key", second.key);
  await put("tls.crt", second.cert);
  await expect.poll(served, patient).toBe(new X509Certificate(second.cert).fingerprint256);
  expect(await linked()).toBe(true);
  await collector.kill("SIGTERM");
  await expect.poll(linked, patient).toBe(false);
  collector = await begin();
  await expect.poll(linked, patient).toBe(true);
}, 90_000);

const fingerprintAt = (address: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const port = Number(address.slice(address.lastIndexOf(":") + 1));
    const socket = connect({ port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().fingerprint256);
      socket.destroy();
    }).on("error", reject);
  });
