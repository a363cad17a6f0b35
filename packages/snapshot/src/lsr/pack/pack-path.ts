/** Where a pack lies in its repository; 256 folders keep each of them small. */
export const packPath = (id: string): string => `packs/${id.slice(0, 2)}/${id}.pk`;
