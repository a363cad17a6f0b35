/**
 * The words of a text as the search knows them: lower case, one for each run of letters and digits, and each Han
 * character by itself, for Chinese has no spaces between its words. A run without an end is cut here, or else each
 * engine would cut it where it likes.
 */
export const wordsOf = (text: string): string[] => text.normalize("NFKC").toLowerCase().match(word) ?? [];

const word = /\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{M}\p{N}]){1,100}/gu;
