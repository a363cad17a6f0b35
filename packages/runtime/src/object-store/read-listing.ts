import { Fault } from "@locum/contracts";

export type Listing = {
  objects: { key: string; bytes: number; modifiedMs: number }[];
  next: string | undefined;
};

/**
 * The answer to ListObjectsV2. Its XML has one level of repeated elements with plain text in them, so the few that are
 * wanted are taken out one by one; what is not as it should be is no listing.
 * @throws Fault storage-failed
 */
export function readListing(xml: string): Listing {
  // With its end: what lacks one may lack objects.
  if (!/<ListBucketResult[\s>]/.test(xml) || !xml.includes("</ListBucketResult>"))
    throw new Fault("storage-failed", "the object store sent no listing");
  const objects = elementsOf(xml, "Contents").map((inner) => {
    const [key, size, modified] = ["Key", "Size", "LastModified"].map((name) => textOf(inner, name));
    const [bytes, modifiedMs] = [Number(size), Date.parse(modified ?? "")];
    if (key === undefined || !Number.isSafeInteger(bytes) || bytes < 0 || Number.isNaN(modifiedMs))
      throw new Fault(
        "storage-failed",
        "the object store sent a listing with an object that has no key or size",
      );
    return { key, bytes, modifiedMs };
  });
  const isCut = textOf(xml, "IsTruncated") === "true";
  const next = isCut ? textOf(xml, "NextContinuationToken") : undefined;
  if (isCut && next === undefined)
    throw new Fault("storage-failed", "the object store sent a part of a listing, and not how it goes on");
  return { objects, next };
}

/** What is inside of each element of that name, none of which holds another. In one pass, whatever was sent. */
export const elementsOf = (xml: string, name: string): string[] =>
  xml
    .split(`</${name}>`)
    .slice(0, -1)
    .flatMap((part) => {
      const start = part.lastIndexOf(`<${name}>`);
      return start === -1 ? [] : [part.slice(start + name.length + 2)];
    });

/** Text of the first element of that name, unescaped. */
export function textOf(xml: string, name: string): string | undefined {
  const [, text] = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml) ?? [];
  return text === undefined ? undefined : unescaped(text);
}

const named: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Once, from the left: `&amp;lt;` is `&lt;`. */
const unescaped = (text: string): string =>
  text.replace(
    /&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(amp|lt|gt|quot|apos));/g,
    (whole, decimal, hex, name) => {
      if (name !== undefined) return named[name as string] ?? whole;
      const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
