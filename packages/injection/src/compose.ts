import type { InjectConfig } from "./config.ts";

type Obj = Record<string, unknown>;
export const isCompose = (_object: unknown): boolean => false;
export const injectCompose = (_object: Obj, _config: InjectConfig): null => null;
export const stripCompose = (object: Obj): Obj => object;
