/** A value between quotes, as KQL and Lucene both read it. */
export const quoted = (value: string | number | boolean): string =>
  `"${String(value).replace(/[\\"]/g, (character) => `\\${character}`)}"`;
