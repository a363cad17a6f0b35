import { type Document, isNode, type Node, visit } from "yaml";
import type { Edit } from "./edit.ts";
import { inline } from "./render.ts";

/**
 * Where a node changes that has an anchor, its aliases keep the old value: each is written out as it was. What lies
 * inside a text that goes anyway is left alone.
 */
export function expandAliases(
  doc: Document.Parsed,
  edits: readonly Edit[],
  changed: ReadonlySet<unknown>,
): Edit[] {
  const within = (node: Node): boolean => {
    const at = node.range?.[0] ?? -1;
    return edits.some((edit) => edit.remove > 0 && at >= edit.at && at < edit.at + edit.remove);
  };
  const lost = new Set<unknown>();
  let hasAlias = false;
  visit(doc, {
    Alias: () => {
      hasAlias = true;
    },
    Node: (_key, node) => {
      if (isNode(node) && "anchor" in node && node.anchor && (changed.has(node) || within(node)))
        lost.add(node);
    },
  });
  if (!hasAlias || lost.size === 0) return [...edits];
  const expanded: Edit[] = [];
  visit(doc, {
    Alias: (_key, alias) => {
      const source = alias.resolve(doc);
      if (!source || !lost.has(source) || within(alias) || !alias.range) return;
      const [start, end] = alias.range;
      expanded.push({ at: start, remove: end - start, insert: inline(source.toJS(doc)) });
    },
  });
  return [...edits, ...expanded];
}
