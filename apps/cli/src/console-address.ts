import type { Client } from "@locum/contracts";
import { spanText } from "./span-text.ts";

/** An address that opens the collector's own pages in one browser, once, and how long it waits for that. */
export async function consoleAddress(
  client: Client,
  collector: string,
): Promise<{ url: string; lastsMs: number; lasts: string }> {
  const { path, lastsMs } = await client.consoleLink();
  return { url: new URL(path, collector).href, lastsMs, lasts: spanText(lastsMs) };
}
