/** For tests: the code of what a call throws, undefined where it does not. */
export const codeOf = (asked: Promise<unknown>): Promise<string | undefined> =>
  asked.then(
    () => undefined,
    (fault) => fault.code,
  );
