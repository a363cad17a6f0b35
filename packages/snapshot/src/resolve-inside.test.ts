import fc from "fast-check";
import { expect, test } from "vitest";
import { makeDirs } from "./durable.ts";
import { resolveInside } from "./resolve-inside.ts";
import { createMemoryFs } from "./testing/memory-fs.ts";

const root = "/srv/model";
const part = fc.constantFrom("a", "b", "c", "..", ".", "");
const target = fc.tuple(
  fc.constantFrom("", "/", `${root}/`, "../"),
  fc.array(part, { minLength: 1, maxLength: 4 }),
);

test("whatever links there are, a path ends inside and without links, or is refused", async () => {
  let resolved = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "a/b", "a/c"), target), { maxLength: 5 }),
      fc.array(part, { minLength: 1, maxLength: 5 }),
      async (links, path) => {
        const { fs } = createMemoryFs();
        await makeDirs(fs, `${root}/a`);
        for (const [at, [prefix, parts]] of links)
          await fs.symlink(prefix + parts.join("/") || ".", `${root}/${at}`).catch(() => {});
        let place: string;
        try {
          place = await resolveInside(fs, root, path.join("/"));
        } catch (error) {
          expect(error).toMatchObject({ code: "refused" });
          return;
        }
        resolved++;
        let at = root;
        for (const name of place.split("/").filter(Boolean)) {
          expect([".", ".."]).not.toContain(name);
          at += `/${name}`;
          const stat = await fs.lstat(at).catch(() => undefined);
          expect(stat?.kind).not.toBe("link");
        }
        // Where something is there, it is what the system itself finds.
        const real = await fs.realpath(`${root}/${path.join("/")}`).catch(() => undefined);
        if (real) expect(place === "" ? root : `${root}/${place}`).toBe(real);
      },
    ),
    { numRuns: 1000 },
  );
  expect(resolved).toBeGreaterThan(100);
});
