import { readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Fs, nodeFs } from "./fs.ts";
import { restoreMethod } from "./restore-method.ts";
import { makeModelDir, writeFiles } from "./testing/model-dir.ts";

const files = { "1/model.onnx": "weights" };

describe("restoreMethod", () => {
  test("a writable directory: by rename, and the look leaves nothing behind", async () => {
    await using model = await makeModelDir(files);
    const found = await restoreMethod({ dir: model.dir });
    expect(found.method).toBe("rename");
    expect(found.places.twinRoot).toBe(join(model.scratch, "models", ".locum-twin-digits"));
    expect(await readdir(model.dir)).toEqual(["1"]);
    expect(await readdir(join(model.scratch, "models"))).toEqual(["digits"]);
  });

  test("a link to a version: the link is switched", async () => {
    await using model = await makeModelDir({});
    await writeFiles(join(model.scratch, "models", "versions", "v1"), files);
    await symlink("versions/v1", join(model.scratch, "models", "current"));
    expect(await restoreMethod({ dir: join(model.scratch, "models", "current") })).toMatchObject({
      method: "versions-link",
    });
  });

  test("a mount point: by rename, copies inside", async () => {
    await using model = await makeModelDir(files);
    const found = await restoreMethod({ dir: model.dir, mounts: async () => [model.dir] });
    expect(found).toMatchObject({ method: "rename", reason: expect.stringContaining("mount point") });
  });

  const none: Record<string, (dir: string) => Partial<Parameters<typeof restoreMethod>[0]>> = {
    "a read-only mount": () => ({ fs: failing("mkdir", "EROFS") }),
    "no permission": () => ({ fs: failing("mkdir", "EACCES") }),
    "a file that is a mount point": (dir) => ({ mounts: async () => ["/", join(dir, "1/model.onnx")] }),
    "a file instead of a directory": (dir) => ({ dir: join(dir, "1/model.onnx") }),
    "a directory that is not there": (dir) => ({ dir: join(dir, "gone") }),
    "a folder on another device": (dir) => ({ fs: otherDevice(join(dir, "1")) }),
  };
  test.for(Object.keys(none))("none, with the reason: %s", async (name) => {
    await using model = await makeModelDir(files);
    const found = await restoreMethod({ dir: model.dir, ...none[name]?.(model.dir) });
    expect(found.method).toBe("none");
    expect(found.reason).toMatch(/\w/);
  });

  test.runIf(process.platform === "linux")("reads the mounts of this machine", async () => {
    expect((await restoreMethod({ dir: "/" })).method).toBe("none");
  });
});

function failing(call: "mkdir", code: string): Fs {
  return { ...nodeFs, [call]: async () => Promise.reject(Object.assign(new Error(code), { code })) };
}

function otherDevice(at: string): Fs {
  return {
    ...nodeFs,
    lstat: async (path) => {
      const stat = await nodeFs.lstat(path);
      return path === at ? { ...stat, dev: stat.dev + 1n } : stat;
    },
  };
}
