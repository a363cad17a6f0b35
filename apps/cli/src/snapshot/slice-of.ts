import { Fault } from "@locum/contracts";

/** The nth of t parts, from `n/t`; all of it where none is asked for. @throws Fault usage */
export function sliceOf(text: string | undefined): { at: number; of: number } {
  if (text === undefined) return { at: 0, of: 1 };
  const [, n, t] = /^(\d{1,4})\/(\d{1,4})$/.exec(text) ?? [];
  const [at, of] = [Number(n) - 1, Number(t)];
  if (at >= 0 && at < of) return { at, of };
  throw new Fault("usage", `--slice ${text.slice(0, 20)}: expected n/t with n from 1 to t, as 3/7`);
}
