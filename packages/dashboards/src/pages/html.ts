const markup = Symbol("markup");

/** Markup that stands in a page as it is. Nothing that came as JSON can be one: the key is a symbol. */
export type Html = { readonly [markup]: string };
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[];

/**
 * A template whose every value is text unless it is markup already. Every value of a record is outside text: this is
 * the one place where it becomes part of a page. Lists are joined; null, undefined and false are nothing.
 */
export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  return { [markup]: parts.reduce((page, part, index) => `${page}${render(values[index - 1])}${part}`) };
}

/** Markup that another renderer made and answers for, such as the picture of a timeline. */
export const trusted = (text: string): Html => ({ [markup]: text });

export const markupOf = (page: Html): string => page[markup];

function render(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return "";
  if (Array.isArray(value)) return value.map(render).join("");
  return typeof value === "object" ? ((value as Html)[markup] ?? "") : escapeText(String(value));
}

/**
 * As text between tags or in a quoted attribute. Control characters would make a page unreadable, and those that turn
 * the direction of writing let a text show itself as another.
 */
function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;")
    .replace(/[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu, "\uFFFD");
}
