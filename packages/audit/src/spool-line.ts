import { crc32 } from "node:zlib";
import { AuditEvent, canonicalJson } from "@locum/contracts";

export type SpooledEvent = { seq: number; event: AuditEvent };

/** `<CRC-32 of the rest, 8 hex> <number> <event as canonical JSON>`: a reader can skip by number without parsing. */
export function spoolLine({ seq, event }: SpooledEvent): string {
  const rest = `${seq} ${canonicalJson(event)}`;
  return `${checksum(rest)} ${rest}`;
}

/** The number of a line, or undefined where it is damaged. */
export function spoolLineSeq(line: string): number | undefined {
  const rest = line.slice(9);
  if (line[8] !== " " || line.slice(0, 8) !== checksum(rest)) return undefined;
  const seq = Number(rest.slice(0, rest.indexOf(" ")));
  return Number.isSafeInteger(seq) ? seq : undefined;
}

/** The event of an undamaged line; undefined too where a newer version wrote what this one does not know. */
export function readSpoolLine(line: string): SpooledEvent | undefined {
  const seq = spoolLineSeq(line);
  if (seq === undefined) return undefined;
  const rest = line.slice(9);
  const event = AuditEvent.safeParse(JSON.parse(rest.slice(rest.indexOf(" ") + 1)));
  return event.success ? { seq, event: event.data } : undefined;
}

export const checksum = (text: string): string => crc32(text).toString(16).padStart(8, "0");
