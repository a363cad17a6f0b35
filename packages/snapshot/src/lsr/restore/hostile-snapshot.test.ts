import { describe, expect, test } from "vitest";
import { makeDirs } from "../../durable.ts";
import type { Fs } from "../../fs.ts";
import { createMemoryFs } from "../../testing/memory-fs.ts";
import type { ManifestBody } from "../manifest/manifest-body.ts";
import {
  fileEntry,
  id,
  lookAt,
  manifestOf,
  memorySource,
  modelFiles,
  putFiles,
  restoreOnce,
  to,
  wholeTree,
} from "../testing/restore-rig.ts";

const outside = { "secret.txt": Buffer.from("not to be touched") };

/** A disk with something beside the target that must stay as it is. */
async function newDisk() {
  const disk = createMemoryFs();
  await putFiles(disk.fs, "/etc/outside", outside);
  await makeDirs(disk.fs, to);
  const before = await lookAt(disk.fs, "/etc");
  return { ...disk, expectUntouched: async () => expect(await lookAt(disk.fs, "/etc")).toEqual(before) };
}

const file = (path: string) => fileEntry(path, outside["secret.txt"]);
const link = (path: string, target: string) => ({ path, kind: "link" as const, target });
const dir = (path: string) => ({ path, kind: "dir" as const, mode: 0o755 });
const sources = [memorySource("repository", outside)];

describe("a manifest", () => {
  test.for<[string, ManifestBody["files"]]>([
    ["that climbs by a link to a folder above", [link("a", "../.."), file("b")]],
    [
      "whose links only together lead out",
      [dir("a"), dir("a/b"), link("a/b/up", "../.."), link("out", "a/b/up/../../etc/outside"), file("x")],
    ],
    ["whose links lead to each other", [link("a", "b"), link("b", "a"), file("x")]],
  ])("%s is refused", async ([_, files]) => {
    const { fs, expectUntouched } = await newDisk();
    const manifest = manifestOf({}, files);
    await expect(restoreOnce({ fs, manifest, sources })).rejects.toMatchObject({ code: "refused" });
    expect((await fs.readdir(`${to}/versions`)).filter((name) => !name.startsWith("."))).toEqual([]);
    await expectUntouched();
  });

  test.for(["../x", "/etc/outside/secret.txt", "a/../../x", "a//b", "a\\..\\b"])(
    "with path %s, which no parser lets through, stops before anything is written",
    async (path) => {
      const { fs, expectUntouched } = await newDisk();
      await expect(restoreOnce({ fs, manifest: manifestOf({}, [file(path)]), sources })).rejects.toThrow(
        "broken invariant",
      );
      expect(await fs.readdir(to)).toEqual([]);
      await expectUntouched();
    },
  );

  test("whose SHA-256 is not that of its chunks is corrupt where it is asked for, and nothing is published", async () => {
    const { fs } = await newDisk();
    const manifest = manifestOf({}, [{ ...file("x"), sha256: "0".repeat(64) }]);
    await expect(restoreOnce({ fs, manifest, sources, run: { check: "sha256" } })).rejects.toMatchObject({
      code: "snapshot-corrupt",
    });
    expect(await fs.readdir(`${to}/versions`)).not.toContain(id);
  });

  test("does not make programs that run as somebody else", async () => {
    const { fs } = await newDisk();
    const manifest = manifestOf({}, [
      { ...file("x"), mode: 0o6755 },
      { ...dir("d"), mode: 0o3777 },
    ]);
    const { path } = await restoreOnce({ fs, manifest, sources });
    expect((await fs.lstat(`${path}/x`)).mode).toBe(0o755);
    expect((await fs.lstat(`${path}/d`)).mode).toBe(0o777);
  });

  test("with two names that the file system takes for one is refused, and no file goes through a link", async () => {
    const { fs, expectUntouched } = await newDisk();
    const manifest = manifestOf({}, [link("A", "1"), dir("1"), file("a/x")]);
    const folded = foldingCase(fs);
    await expect(restoreOnce({ fs: folded, manifest, sources })).rejects.toMatchObject({ code: "refused" });
    await expectUntouched();
  });

  test("of two files that the file system takes for one is refused", async () => {
    const { fs } = await newDisk();
    const files = {
      "Model.bin": modelFiles["1/model.onnx"] ?? outside["secret.txt"],
      "model.bin": outside["secret.txt"],
    };
    const restore = restoreOnce({
      fs: foldingCase(fs),
      manifest: manifestOf(files, []),
      sources: [memorySource("repository", files)],
    });
    await expect(restore).rejects.toMatchObject({ code: "refused" });
    expect(await fs.readdir(`${to}/versions`)).not.toContain(id);
  });
});

describe("a target", () => {
  test("whose folder of versions is a link is refused", async () => {
    const { fs, expectUntouched } = await newDisk();
    await fs.symlink("/etc/outside", `${to}/versions`);
    await expect(restoreOnce({ fs })).rejects.toMatchObject({ code: "refused" });
    await expectUntouched();
  });

  test("that is a link is refused", async () => {
    const { fs, expectUntouched } = await newDisk();
    await fs.symlink("/etc/outside", "/srv/linked");
    const restore = restoreOnce({ fs, to: "/srv/linked", layout: "folder" });
    await expect(restore).rejects.toMatchObject({ code: "refused" });
    await expectUntouched();
  });

  test("whose draft was filled with links by somebody is cleared of them, not followed", async () => {
    const { fs, expectUntouched } = await newDisk();
    const stop = new AbortController();
    stop.abort(new Error("stop"));
    const source = {
      ...memorySource("repository"),
      read: async () => stop.signal.throwIfAborted() ?? undefined,
    };
    await expect(restoreOnce({ fs, sources: [source] })).rejects.toThrow("stop");
    const [draft] = await fs.readdir(`${to}/versions`);
    const tree = `${to}/versions/${draft}/tree`;
    await fs.unlink(`${tree}/config.pbtxt`).catch(() => {});
    await fs.symlink("/etc/outside/secret.txt", `${tree}/config.pbtxt`);
    await fs.rename(`${tree}/1`, "/srv/moved");
    await fs.symlink("/etc/outside", `${tree}/1`);
    await putFiles(fs, `${tree}/cache`, { extra: Buffer.from("extra") });
    const { path, isResumed } = await restoreOnce({ fs });
    expect(isResumed).toBe(true);
    expect(await lookAt(fs, path)).toEqual(wholeTree());
    await expectUntouched();
  });

  test("whose draft gets a link in a folder's place while it is written: no byte goes through it", async () => {
    const { fs, expectUntouched } = await newDisk();
    let isDone = false;
    const racing: Fs = {
      ...fs,
      async mkdir(path, mode) {
        await fs.mkdir(path, mode);
        if (isDone || !path.endsWith("/tree/cache")) return;
        isDone = true;
        await fs.rmdir(path.replace(/cache$/, "1"));
        await fs.symlink("/etc/outside", path.replace(/cache$/, "1"));
      },
    };
    await expect(restoreOnce({ fs: racing })).rejects.toMatchObject({ code: "refused" });
    expect(isDone).toBe(true);
    await expectUntouched();
  });
});

/** As some systems do: `A` and `a` are one name. */
function foldingCase(fs: Fs): Fs {
  const fold = (path: string) => path.replace(/(?<=\/tree\/).*/, (inner) => inner.toLowerCase());
  const folded = (value: unknown) => (typeof value === "string" ? fold(value) : value);
  return Object.fromEntries(
    Object.entries(fs).map(([name, call]) => [
      name,
      (...args: unknown[]) =>
        (call as (...args: unknown[]) => unknown)(
          ...(name === "symlink" ? [args[0], folded(args[1])] : args.map(folded)),
        ),
    ]),
  ) as Fs;
}
