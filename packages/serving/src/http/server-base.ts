import { Fault } from "@locum/contracts";

/**
 * The base of a model server's URL as people write it: a trailing slash, `/v1` or `/v2` is dropped, a path in front
 * of it is kept, credentials become a header and never show again.
 */
export function serverBase(url: string): { base: string; authorization?: string } {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch {
    throw new Fault("usage", `not a URL: ${url.slice(0, 200)}`, { hint: "Write it as http://host:port." });
  }
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    throw new Fault("usage", `expected an http or https URL, found ${parsed.protocol}`, {
      hint: "Write it as http://host:port.",
    });
  }
  const path = parsed.pathname
    .replace(/\/+$/, "")
    .replace(/\/v[12]$/, "")
    .replace(/\/+$/, "");
  const base = `${parsed.protocol}//${parsed.host}${path}`;
  if (!parsed.username) return { base };
  const credentials = `${decodeURIComponent(parsed.username)}:${decodeURIComponent(parsed.password)}`;
  return { base, authorization: `Basic ${Buffer.from(credentials).toString("base64")}` };
}
