import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Fault, SnapshotHook } from "@locum/contracts";
import { readTextFile } from "@locum/runtime";
import { parse } from "yaml";
import type { Io } from "../io.ts";

type Hooks = AsyncDisposable & { given: { hooks?: SnapshotHook[]; hooksDir?: string } };

/**
 * The hooks of a file and a folder for their copies, which only this user may enter and which is gone afterwards.
 * @throws Fault config-unreadable · config-invalid
 */
export async function openHooks(file: string | undefined, { cwd }: Pick<Io, "cwd">): Promise<Hooks> {
  if (file === undefined) return { given: {}, [Symbol.asyncDispose]: async () => {} };
  const hooks = readHooks(await readTextFile(resolve(cwd, file)), file);
  const hooksDir = await mkdtemp(join(tmpdir(), "locum-hooks-"));
  return {
    given: { hooks, hooksDir },
    [Symbol.asyncDispose]: () => rm(hooksDir, { recursive: true, force: true }),
  };
}

function readHooks(text: string, file: string): SnapshotHook[] {
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 0 });
  } catch (cause) {
    throw new Fault("config-invalid", `${file} is no YAML: ${(cause as Error).message.split("\n")[0]}`, {
      cause,
    });
  }
  const { data, error } = SnapshotHook.array().max(32).safeParse(document);
  const names = new Set(data?.map(({ name }) => name));
  if (data && names.size === data.length) return data;
  const [issue] = error?.issues ?? [];
  throw new Fault(
    "config-invalid",
    `${file}: ${issue ? `${issue.path.join(".")}: ${issue.message}` : "two hooks have one name"}`,
  );
}
