import { Fault } from "@locum/contracts";

export type ListedObject = { key: string; bytes: number; modifiedMs: number };
/** One request's part of a listing; without `token`, its first. */
export type ListPage = (
  prefix: string,
  token: string | undefined,
) => Promise<{ objects: ListedObject[]; next: string | undefined }>;

const pagesMax = 100_000;

/** Whole, or a fault: who removes what a listing does not name must not be given a part of one. */
export async function* listPages(page: ListPage, prefix: string): AsyncGenerator<ListedObject> {
  let token: string | undefined;
  for (let count = 0; count < pagesMax; count++) {
    const { objects, next } = await page(prefix, token);
    yield* objects;
    if (next === undefined) return;
    token = next;
  }
  throw new Fault("storage-failed", `${prefix}: the object store's listing does not end`);
}
