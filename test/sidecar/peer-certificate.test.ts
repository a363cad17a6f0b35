import { X509Certificate } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { someSet } from "@locum/injector/some-set";
import { afterEach, expect, test } from "vitest";
import { freePort } from "../stack/free-port.ts";
import { type SidecarProcess, startSidecarProcess } from "./sidecar-process.ts";
import { type Digits, startDigits } from "./start-digits.ts";

const main = fileURLToPath(new URL("../../apps/sidecar/src/main.ts", import.meta.url));
const patient = { timeout: 20_000, interval: 100 };
let digits: Digits;
let sidecar: SidecarProcess | undefined;
afterEach(async () => {
  await sidecar?.kill("SIGTERM");
  await digits.close();
});

test("a certificate for peers that was renewed is shown from then on, and a pair that does not fit is not", async () => {
  digits = await startDigits();
  const at = (name: string) => join(digits.dir, "tls", name);
  const put = async (name: string, text: string): Promise<void> => {
    await writeFile(at(`.${name}`), text, { mode: 0o600 });
    await rename(at(`.${name}`), at(name));
  };
  await mkdir(join(digits.dir, "tls"));
  const [first, second] = [await someSet(), await someSet()];
  await put("ca.pem", first.authorities);
  await put("key.pem", first.key);
  await put("cert.pem", first.cert);
  const port = await freePort();
  const instance = {
    ...{ id: "a", url: digits.url, modelDir: digits.modelDir },
    sidecar: { stateDir: join(digits.dir, "a"), files: `127.0.0.1:${port}` },
  };
  const peers = { ca: at("ca.pem"), cert: at("cert.pem"), key: at("key.pem") };
  const service = {
    apiVersion: "locum.dev/v1alpha1",
    service: "digits",
    instances: [instance],
    snapshot: { peers },
  };
  await writeFile(join(digits.dir, "locum.yaml"), JSON.stringify(service));
  sidecar = await startSidecarProcess(main, ["--config", join(digits.dir, "locum.yaml")]);

  const shown = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? "");
        socket.destroy();
      });
      socket.on("error", reject);
    });
  const printOf = (cert: string) => new X509Certificate(cert).fingerprint256;
  expect(await shown()).toBe(printOf(first.cert));
  await put("cert.pem", second.cert);
  expect(await shown()).toBe(printOf(first.cert));
  await put("key.pem", second.key);
  await expect.poll(shown, patient).toBe(printOf(second.cert));
});
