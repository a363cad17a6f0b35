import { Fault } from "@locum/contracts";
import { readSecretFile } from "../secret-file.ts";
import { askStore, readBytes } from "./ask-store.ts";

type Env = (name: string) => string | undefined;

/** A shared access signature, without its `?`. @throws Fault config-invalid | config-unreadable */
export async function readSas(file: string | undefined, env: Env): Promise<string> {
  const text = file === undefined ? env("AZURE_STORAGE_SAS_TOKEN") : await readSecretFile(file);
  const sas = text?.trim().replace(/^\?/, "");
  if (sas && /(^|&)sig=/.test(sas)) return sas;
  throw new Fault("config-invalid", `${file ?? "the environment"} holds no shared access signature`, {
    hint: "Expected the query of one, with sig=, in a file or in AZURE_STORAGE_SAS_TOKEN.",
  });
}

const metadataUrl =
  "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
/** A token that ends within this is asked for anew. */
const earlyMs = 60_000;

/**
 * Access tokens of Google Cloud: of a file that somebody keeps fresh, of GOOGLE_OAUTH_ACCESS_TOKEN (as
 * `gcloud auth print-access-token` gives one), else of the machine's own account. None for a store on loopback.
 * @throws Fault config-invalid | not-authorised
 */
export function gcsTokens(
  file: string | undefined,
  env: Env,
  { isLocal, fetch: fetchNow = fetch }: { isLocal: boolean; fetch?: typeof fetch },
): () => Promise<string | undefined> {
  let kept = { token: "", untilMs: 0 };
  return async () => {
    if (file !== undefined) return readSecretFile(file);
    const given = env("GOOGLE_OAUTH_ACCESS_TOKEN");
    if (given) return given;
    if (isLocal) return undefined;
    if (Date.now() < kept.untilMs) return kept.token;
    kept = await tokenOfMachine(fetchNow);
    return kept.token;
  };
}

async function tokenOfMachine(fetchNow: typeof fetch): Promise<{ token: string; untilMs: number }> {
  const ask = askStore({ timeoutMs: 5000, fetch: fetchNow });
  try {
    const answer = await ask(metadataUrl, { headers: { "metadata-flavor": "Google" } });
    const { access_token: token, expires_in: seconds } = JSON.parse(
      (await readBytes(answer, 65_536)).toString(),
    );
    if (answer.ok && typeof token === "string" && Number(seconds) > 0)
      return { token, untilMs: Date.now() + Number(seconds) * 1000 - earlyMs };
  } catch {
    // Not on Google's machines, or without an account: one fault for both.
  }
  throw new Fault("not-authorised", "no access token of Google Cloud is at hand", {
    hint: "Give one by a file or GOOGLE_OAUTH_ACCESS_TOKEN, or run where a service account is attached.",
  });
}
