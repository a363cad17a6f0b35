import { expect, test } from "vitest";
import type { Fs, FsHandle } from "../../fs.ts";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import { manifestOf, modelFiles, restoreOnce, to } from "../testing/restore-rig.ts";

/** Whatever is read of the model's file begins with another byte, from the `from`-th reading on. */
function lyingFs(fs: Fs, from: number): Fs & { reads(): number } {
  let reads = 0;
  const lie = (handle: FsHandle): FsHandle => ({
    ...handle,
    async read(buffer, position) {
      const length = await handle.read(buffer, position);
      if (++reads > from) buffer[0] = (buffer[0] ?? 0) ^ 1;
      return length;
    },
  });
  const open: Fs["open"] = async (path, ...rest) => {
    const handle = await fs.open(path, ...rest);
    return path.endsWith("model.onnx") ? lie(handle) : handle;
  };
  return { ...fs, open, reads: () => reads };
}

test.for([
  ["chunks", 2],
  ["sha256", 0],
] as const)("a disk that gives back other bytes is found out by the check %s", async ([check, from]) => {
  const { fs } = createMemoryFs();
  const run = { check };
  await expect(restoreOnce({ fs: lyingFs(fs, from), run })).rejects.toMatchObject({ code: "storage-failed" });
  // Nothing of that file is believed by the next try, which reads an honest disk.
  const { path, draftBytes } = await restoreOnce({ fs, run });
  expect(draftBytes).toBeLessThan(modelFiles["1/model.onnx"]?.length ?? 0);
  const handle = await fs.open(`${path}/1/model.onnx`, "r");
  const bytes = new Uint8Array(modelFiles["1/model.onnx"]?.length ?? 0);
  await handle.read(bytes, 0);
  expect(Buffer.from(bytes).equals(modelFiles["1/model.onnx"] ?? new Uint8Array())).toBe(true);
});

test("every chunk is read back once, and none a second time", async () => {
  const { fs } = createMemoryFs();
  const honest = lyingFs(fs, Number.POSITIVE_INFINITY);
  await restoreOnce({ fs: honest });
  // 4500 bytes in chunks of 1000.
  expect(honest.reads()).toBe(5);
});

test("a file that has no SHA-256 in its manifest is restored, and refused where that is asked for", async () => {
  const { fs } = createMemoryFs();
  const manifest = manifestOf();
  for (const entry of manifest.body.files) if (entry.kind === "file") delete entry.sha256;
  await expect(restoreOnce({ fs, manifest, run: { check: "sha256" } })).rejects.toMatchObject({
    code: "refused",
  });
  const { path } = await restoreOnce({ fs, manifest });
  expect(path.startsWith(to)).toBe(true);
});
