import { readFile } from "node:fs/promises";
import { Name, ServiceConfig } from "@locum/contracts";
import { type Log, writeFileAtomic } from "@locum/runtime";
import { z } from "zod";

/** What was found last: a collector that starts while the API server is away knows its services all the same. */
export type Remembered = { services: ServiceConfig[]; owners: ReadonlyMap<string, string> };

const bytesMax = 64 * 1024 * 1024;
const Shape = z.object({
  services: z.array(z.unknown()).max(10_000),
  owners: z.record(Name, z.string().max(63)),
});

/** Nothing where there is no file, or one that cannot be read: then the API server is asked, as at the first start. */
export async function readRemembered(file: string, say: Log): Promise<Remembered> {
  try {
    const text = await readFile(file, "utf8");
    if (text.length > bytesMax) throw new Error("too large");
    const { services, owners } = Shape.parse(JSON.parse(text));
    return {
      services: services.flatMap((service) => ServiceConfig.safeParse(service).data ?? []),
      owners: new Map(Object.entries(owners)),
    };
  } catch (error) {
    if ((error as { code?: unknown }).code !== "ENOENT")
      say("warn", "what was found of the cluster last cannot be read", { path: file, error });
    return { services: [], owners: new Map() };
  }
}

/** Writes what was found when it differs from what was written last; one write at a time, the latest wins. */
export function createMemory(
  file: string,
  say: Log,
): { keep(found: Remembered): void; idle(): Promise<void> } {
  let written = "";
  let wanted = "";
  let running: Promise<void> | null = null;
  const write = async (): Promise<void> => {
    while (wanted !== written) {
      const text = wanted;
      try {
        await writeFileAtomic(file, text, { mode: 0o600 });
      } catch (error) {
        say("warn", "what was found of the cluster was not written", { path: file, error });
      }
      written = text;
    }
    running = null;
  };
  return {
    keep({ services, owners }) {
      wanted = JSON.stringify({ services, owners: Object.fromEntries(owners) });
      if (wanted !== written) running ??= write();
    },
    idle: async () => void (await running),
  };
}
