import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAuditLog } from "@locum/audit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Stack, startStack } from "../stack/start-stack.ts";
import { strikes } from "../stack/strikes.ts";
import { until } from "../stack/until.ts";
import { startWitness } from "../stack/witness.ts";

/** A small file system of its own for the collector, where the rights to mount one are there. */
const disk = mkdtempSync(join(tmpdir(), "locum-disk-"));
const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", disk]).status === 0;
const filler = join(disk, "filler");

describe.skipIf(!mounted)(
  "the collector's disk is full (a tmpfs of its own; skipped where none can be mounted)",
  () => {
    let stack: Stack;

    beforeAll(async () => {
      stack = await startStack({
        edit: (config) => ({
          ...config,
          collector: { ...config.collector, dataDir: join(disk, "collector") },
        }),
      });
      await stack.settled();
    });
    afterAll(async () => {
      await stack?.close();
      spawnSync("umount", [disk]);
      rmSync(disk, { recursive: true, force: true });
    });

    it("it says so, clients are served rightly all the same, and with room again all is recorded", async () => {
      const before = await stack.api.audit({ limit: 1000 });
      const active = await stack.holding("active");
      const witness = startWitness({
        url: stack.service,
        references: stack.references.current,
        perSecond: 50,
      });
      await fill();
      await strikes.nan(active);
      await until(async () => (await stack.report(active.id))?.diverted, { what: "the divert" });
      const problems = async () => (await stack.api.ready()).problems;
      await until(async () => (await problems()).some(({ code }) => code === "disk-full"), {
        what: "the collector to name its disk",
      });
      const pid = stack.pidOf("collector");
      await rm(filler);
      await until(async () => (await stack.api.ready()).ready, { what: "the collector to be ready again" });
      await stack.settled({ withinMs: 60_000 });
      await witness.end();

      expect(stack.pidOf("collector")).toBe(pid);
      // The wrong answers that reached a client before the divert are those of the fault, not of the disk.
      expect(witness.answers().filter(({ outcome }) => outcome === "failed")).toEqual([]);
      const after = await stack.api.audit({ limit: 1000 });
      expect(after.slice(0, before.length)).toEqual(before);
      const kinds = after.slice(before.length).map(({ event }) => event.kind);
      expect(kinds).toEqual(expect.arrayContaining(["verdict.change", "divert.start", "divert.end"]));
    });

    it("the log verifies afterwards", async () => {
      await stack.running.end();
      const log = await openAuditLog({ dir: join(disk, "collector/audit") });
      expect(await log.verify()).toEqual({ ok: true });
      await log.close();
    });

    /** To the last byte: the rest of a block would still take a record. */
    async function fill(): Promise<void> {
      for (const bytes of [1_048_576, 4096, 64]) {
        const piece = Buffer.alloc(bytes);
        let full = false;
        while (!full)
          full = await writeFile(filler, piece, { flag: "a" }).then(
            () => false,
            () => true,
          );
      }
    }
  },
);

if (!mounted) afterAll(() => rmSync(disk, { recursive: true, force: true }));
