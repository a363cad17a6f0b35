import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readSecretFile } from "./secret-file.ts";

test("a secret is read without its newline, unless anybody could read it, or it is none", async () => {
  const dir = await mkdtemp(join(tmpdir(), "locum-secret-"));
  try {
    const file = join(dir, "key");
    await writeFile(file, "aWQ6a2V5\n", { mode: 0o600 });
    expect(await readSecretFile(file)).toBe("aWQ6a2V5");
    await chmod(file, 0o640);
    expect(await readSecretFile(file)).toBe("aWQ6a2V5");
    await chmod(file, 0o644);
    await expect(readSecretFile(file)).rejects.toMatchObject({ code: "config-invalid" });
    await writeFile(join(dir, "empty"), "\n", { mode: 0o600 });
    await expect(readSecretFile(join(dir, "empty"))).rejects.toMatchObject({ code: "config-invalid" });
    await expect(readSecretFile(join(dir, "none"))).rejects.toMatchObject({ code: "config-unreadable" });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});
