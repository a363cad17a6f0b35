/** Where the parity of a pack lies. */
export const parityPath = (packId: string): string => `packs/${packId.slice(0, 2)}/${packId}.pr`;
