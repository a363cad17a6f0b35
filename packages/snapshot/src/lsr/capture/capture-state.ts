import { posix } from "node:path";
import type { ManifestBody } from "../manifest/manifest-body.ts";
import { parseCmdline, parseEnviron, procLimits } from "./parse-proc.ts";
import { type ProcessPort, procProcesses } from "./process-port.ts";
import { looksSecret } from "./secret-text.ts";

export type CaptureStateOptions = {
  /** Of the service file and of what the server said of itself. */
  served: {
    server?: string | undefined;
    version?: string | undefined;
    imageDigest?: string | undefined;
    /** How the server is started, where the service file says so: counts where the process cannot be read. */
    command?: readonly string[] | undefined;
  };
  pid?: number | undefined;
  processes?: ProcessPort;
  /** Names of environment variables that may be captured; no other is. */
  env?: readonly string[];
  /** Paths of the captured files: which of them are tokenizer, configuration, prompts and adapters is told. */
  paths?: readonly string[];
};

export type Warning = { code: "secret-refused" | "process-unreadable" | "flags-cut"; name: string };
export type CapturedState = { state: ManifestBody["state"]; warnings: Warning[] };

/**
 * What makes an instance answer as it does and is no file: server, image, flags, allowed environment, and which files
 * are which. A secret never gets in: settings that look like one are left out, with a warning that has their name only.
 */
export async function captureState({
  served: { server, version, imageDigest, command = [] },
  pid,
  processes = procProcesses,
  env = [],
  paths = [],
}: CaptureStateOptions): Promise<CapturedState> {
  const warnings: Warning[] = [];
  const cmdline = pid === undefined ? undefined : await processes.read(pid, "cmdline", procLimits.bytes);
  const environ =
    pid === undefined || env.length === 0
      ? undefined
      : await processes.read(pid, "environ", procLimits.bytes);
  const isReadable = cmdline !== undefined && cmdline.length > 0;
  if (pid !== undefined && (!isReadable || (env.length > 0 && !environ)))
    warnings.push({ code: "process-unreadable", name: isReadable ? "environ" : "cmdline" });
  const { args, isWhole } = isReadable ? parseCmdline(cmdline) : { args: [...command], isWhole: true };
  if (!isWhole) warnings.push({ code: "flags-cut", name: "cmdline" });
  const program = pid === undefined ? undefined : await processes.program(pid);
  const flags = withoutSecrets(args, warnings);
  const state: ManifestBody["state"] = {
    server: { name: server ?? null, version: version ?? null, imageDigest: imageDigest ?? null },
    process: { from: isReadable ? "process" : "service-file", program: program ?? flags[0] ?? null, flags },
    environment: allowedOf(environ ? parseEnviron(environ) : new Map(), env, warnings),
    parts: partsOf(paths),
  };
  return { state, warnings };
}

/** What stands in the place of a refused value, so that the flags around it keep theirs. */
export const refusedValue = "(refused)";

/** `--name=value`, `--name value` and `NAME=value`; a value's own look decides as well. */
function withoutSecrets(args: readonly string[], warnings: Warning[]): string[] {
  let nameBefore = "";
  return args.map((arg, at) => {
    const equals = arg.indexOf("=");
    const isFlag = arg.startsWith("-");
    const name = equals > 0 ? arg.slice(0, equals) : isFlag ? "" : nameBefore;
    const value = equals > 0 ? arg.slice(equals + 1) : arg;
    const isSecret = isFlag && equals < 0 ? looksSecret("", arg) : looksSecret(name, value);
    nameBefore = isFlag && equals < 0 ? arg : "";
    if (!isSecret) return arg;
    // The name itself may be the secret, as in -pPASSWORD.
    const shown = name !== "" && !looksSecret("", name) ? name : "";
    warnings.push({ code: "secret-refused", name: shown || `argument ${at}` });
    return equals > 0 && shown !== "" ? `${shown}=${refusedValue}` : refusedValue;
  });
}

function allowedOf(
  found: ReadonlyMap<string, string>,
  env: readonly string[],
  warnings: Warning[],
): Record<string, string> {
  const allowed: [string, string][] = [];
  for (const name of [...new Set(env)].sort()) {
    const value = found.get(name);
    if (value === undefined) continue;
    if (looksSecret(name, value)) warnings.push({ code: "secret-refused", name });
    else allowed.push([name, value]);
  }
  return Object.fromEntries(allowed);
}

const partNames: Record<string, RegExp> = {
  tokenizer:
    /^(tokenizer|vocab|merges|special_tokens_map|added_tokens|spiece|sentencepiece|preprocessor_config)\b/i,
  configuration:
    /^(config|generation_config|adapter_config|params|model_config)\.[a-z]+$|\.(pbtxt|ya?ml|toml)$/i,
  prompts: /(^|[^a-z])(prompts?|chat_template|system_message)([^a-z]|$)/i,
  adapters: /^adapter_|(^|[^a-z])lora([^a-z]|$)/i,
};

function partsOf(paths: readonly string[]): Record<string, string[]> {
  const parts = Object.entries(partNames).map(
    ([part, pattern]) => [part, paths.filter((path) => pattern.test(posix.basename(path))).sort()] as const,
  );
  return Object.fromEntries(parts);
}
