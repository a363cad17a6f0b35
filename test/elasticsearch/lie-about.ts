import type { Lie } from "./mishap.ts";

/** The text of an answer that is no true one. Only the items of a bulk answer can be fewer, more or in another order. */
export function lieAbout(body: unknown, how: Lie): string {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const { items } = body as { items?: unknown[] };
  const withItems = (other: unknown[] | undefined): string =>
    JSON.stringify({ ...(body as object), items: other });
  switch (how) {
    case "html":
      return "<html><body>Sign in</body></html>";
    case "half-json":
      return text.slice(0, Math.floor(text.length / 2));
    case "empty":
      return "";
    case "no-items":
      return withItems(undefined);
    case "fewer-items":
      return withItems(items?.slice(1));
    case "more-items":
      return withItems([...(items ?? []), ...(items?.slice(0, 1) ?? [])]);
    case "reversed-items":
      return withItems(items?.toReversed());
  }
}
