export type Memory = { buffer: ArrayBuffer };

/** TypeScript knows these with the browser's library only. */
export const webAssembly = (
  globalThis as unknown as {
    WebAssembly: {
      Memory: new (limits: { initial: number }) => Memory;
      instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: object } }>;
    };
  }
).WebAssembly;
