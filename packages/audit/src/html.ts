/** Text as it may stand between tags or in a quoted attribute. Control characters would make a page unreadable. */
export function escapeHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")
    .replace(/[\p{Cc}\u2028\u2029]/gu, "\uFFFD");
}

/** A template whose every value is escaped. */
export function html(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce((page, part, index) => `${page}${escapeHtml(String(values[index - 1]))}${part}`);
}
