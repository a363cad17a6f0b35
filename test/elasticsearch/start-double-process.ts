import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Account } from "./account.ts";
import type { Family } from "./family.ts";
import type { Block, Mishap, RequestKind } from "./mishap.ts";

/** The double as a process of its own, which takes none of the time of who is measured against it. */
export type DoubleProcess = AsyncDisposable & {
  url: string;
  pid: number;
  script(...mishaps: readonly Mishap[]): Promise<void>;
  rollover(): Promise<void>;
  block(block: Block): Promise<void>;
  calm(): Promise<void>;
  account(ids: Iterable<string>): Promise<Account>;
  requests(): Promise<Record<RequestKind, number>>;
  close(): Promise<void>;
};

export async function startDoubleProcess({
  family = "elasticsearch-9",
  script = [],
}: {
  family?: Family;
  script?: readonly Mishap[];
} = {}): Promise<DoubleProcess> {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, family, JSON.stringify(script)], {
    // It ends when its input does: whoever started it cannot leave it behind.
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(([code]) => {
      throw new Error(`the double ended with ${code} before it was there`);
    }),
  ])) as [string];
  const { url, control, pid } = JSON.parse(line) as { url: string; control: string; pid: number };
  const order = async <T>(path: string, body = ""): Promise<T> => {
    const answer = await fetch(`${control}${path}`, { method: "POST", body });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  };
  const double: DoubleProcess = {
    url,
    pid,
    script: (...mishaps) => order("/script", JSON.stringify(mishaps)),
    rollover: () => order("/rollover"),
    block: (block) => order("/block", JSON.stringify(block)),
    calm: () => order("/calm"),
    account: (ids) => order("/account", [...ids].join("\n")),
    requests: () => order("/requests"),
    async close() {
      if (child.exitCode !== null) return;
      const ended = once(child, "exit");
      child.stdin.end();
      await ended;
    },
    [Symbol.asyncDispose]: () => double.close(),
  };
  return double;
}
