import { readTextFile } from "@locum/runtime";
import * as keys from "@locum/snapshot/repository";

/** The key that signs manifests, for its owner alone. @throws Fault config-unreadable · config-invalid */
export const readSigner = (file: string) => keys.readSigner(file, { readTextFile });

/** The key by which a manifest must be signed. @throws Fault config-unreadable · config-invalid */
export const readSignerPublic = (file: string) => keys.readSignerPublic(file, { readTextFile });
