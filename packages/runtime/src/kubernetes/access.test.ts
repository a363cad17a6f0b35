import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { inClusterAccess } from "./access.ts";
import { kubeconfigAccess, loadKubeconfig } from "./kubeconfig.ts";

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "locum-access-"));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("in a pod", () => {
  const env = { KUBERNETES_SERVICE_HOST: "10.0.0.1", KUBERNETES_SERVICE_PORT: "6443" };
  beforeEach(async () => {
    await writeFile(join(dir, "ca.crt"), "CA");
    await writeFile(join(dir, "token"), "first\n");
    await writeFile(join(dir, "namespace"), "models");
  });

  test("as its service account, with the token of the moment", async () => {
    const access = await inClusterAccess({ env, dir });
    expect(access).toMatchObject({ server: "https://10.0.0.1:6443", namespace: "models" });
    expect(await access.credentials()).toEqual({ ca: "CA", token: "first" });
    await writeFile(join(dir, "token"), "second");
    expect((await access.credentials()).token).toBe("second");
  });

  test("an address of version 6 is bracketed", async () => {
    const access = await inClusterAccess({ env: { KUBERNETES_SERVICE_HOST: "fd00::1" }, dir });
    expect(access.server).toBe("https://[fd00::1]:443");
  });

  test("elsewhere it is said what is missing", async () => {
    await expect(inClusterAccess({ env: {}, dir })).rejects.toMatchObject({ code: "config-invalid" });
    await rm(join(dir, "token"));
    const access = await inClusterAccess({ env, dir });
    await expect(access.credentials()).rejects.toThrow(join(dir, "token"));
  });
});

describe("by a kubeconfig", () => {
  const config = (cluster: object = {}, user: object = {}) => ({
    "current-context": "c",
    contexts: [
      { name: "c", context: { cluster: "k", user: "u", namespace: "n" } },
      { name: "other", context: { cluster: "k2", user: "u" } },
    ],
    clusters: [
      { name: "k", cluster: { server: "https://h:6443/", "certificate-authority-data": "Q0E=", ...cluster } },
      { name: "k2", cluster: { server: "https://h2" } },
    ],
    users: [{ name: "u", user }],
  });

  test("files beside it and data inside it are the same", async () => {
    await writeFile(join(dir, "u.crt"), "CERT");
    const user = { "client-certificate": "u.crt", "client-key-data": "S0VZ" };
    const access = kubeconfigAccess(config({}, user), { folder: dir });
    expect(access).toMatchObject({ server: "https://h:6443", namespace: "n" });
    expect(await access.credentials()).toEqual({ ca: "CA", cert: "CERT", key: "KEY" });
    expect(kubeconfigAccess(config(), { context: "other" }).server).toBe("https://h2");
  });

  test("is YAML", async () => {
    const file = join(dir, "config");
    await writeFile(
      file,
      "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\nclusters:\n- {name: k, cluster: {server: 'https://h'}}\nusers: null\n",
    );
    expect((await loadKubeconfig(file)).server).toBe("https://h");
    await writeFile(file, "a: [");
    await expect(loadKubeconfig(file)).rejects.toMatchObject({ code: "config-invalid" });
    await expect(loadKubeconfig(join(dir, "none"))).rejects.toMatchObject({ code: "config-unreadable" });
  });

  test.each([
    ["a login program", config({}, { exec: { command: "aws" } }), "exec"],
    ["no check of the server", config({ "insecure-skip-tls-verify": true }), "insecure-skip-tls-verify"],
    ["tokens in the clear", config({ server: "http://h:8080" }), "https"],
    ["a server that is no URL", config({ server: "x" }), "https"],
    ["no such cluster", { ...config(), clusters: [] }, "no cluster k"],
    ["no context", { ...config(), "current-context": undefined }, "no context"],
    ["a list", [], "expected"],
  ])("refuses %s", (_what, value, word) => {
    expect(() => kubeconfigAccess(value)).toThrow(word);
  });

  test("kubectl proxy on loopback may be plain", () => {
    expect(kubeconfigAccess(config({ server: "http://127.0.0.1:8001" })).server).toBe(
      "http://127.0.0.1:8001",
    );
  });
});
