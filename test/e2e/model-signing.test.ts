import { execFile } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { appendFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { locumCommand } from "../stack/locum-command.ts";
import { pythonWith } from "./client-python.ts";

const exec = promisify(execFile);

if (!process.env.LOCUM_REAL_PARTS) {
  it.skip("OpenSSF model signing: set LOCUM_REAL_PARTS=1 to install it and run it", () => undefined);
} else {
  describe("a signed snapshot and OpenSSF's own verifier", () => {
    let dir: string;
    let tool: string;
    let exported: string;
    let signature: string;
    const keyFile = (name: string) => join(dir, name);

    beforeAll(async () => {
      dir = await mkdtemp(join(tmpdir(), "locum-signing-"));
      // The package imports pyopenssl and does not name it.
      const python = await pythonWith("model-signing", ["model-signing==1.1.1", "pyopenssl==26.0.0"]);
      tool = join(dirname(python), "model_signing");
      for (const name of ["ci", "other"]) {
        const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        const pem = privateKey.export({ format: "pem", type: "pkcs8" });
        await writeFile(keyFile(`${name}.key`), pem, { mode: 0o600 });
        await writeFile(keyFile(`${name}.pub`), publicKey.export({ format: "pem", type: "spki" }));
      }
      const model = join(dir, "model");
      await mkdir(join(model, "tokenizer"), { recursive: true });
      await writeFile(join(model, "weights.bin"), Buffer.alloc(300_000, "weights"));
      await writeFile(join(model, "tokenizer", "vocab.json"), "{}");
      const locum = locumCommand({ dir });
      const repository = join(dir, "repository");
      await locum.done("snapshot", "init", "-r", repository, "--make-key");
      const signer = ["--signer", keyFile("ci.key")];
      await locum.done(
        "snapshot",
        "create",
        "-r",
        repository,
        "--model-dir",
        model,
        "--name",
        "m",
        ...signer,
      );
      [exported, signature] = [join(dir, "exported"), join(dir, "model.sig")];
      const to = ["--to", exported, "--signature", signature];
      await locum.done("snapshot", "export", "m/latest", "-r", repository, ...to);
    }, 300_000);
    afterAll(() => rm(dir, { recursive: true, force: true }));

    const verify = (name: string) =>
      exec(tool, ["verify", "key", "--public_key", keyFile(name), "--signature", signature, exported]);

    it("verifies with the signer's key", async () => {
      expect((await verify("ci.pub")).stdout).toMatch(/succeeded/i);
    }, 60_000);

    it("does not with another key, nor when a file has changed", async () => {
      await expect(verify("other.pub")).rejects.toHaveProperty("code", 1);
      await appendFile(join(exported, "tokenizer", "vocab.json"), " ");
      await expect(verify("ci.pub")).rejects.toHaveProperty("code", 1);
    }, 60_000);
  });
}
