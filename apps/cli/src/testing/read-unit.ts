export type ReadUnit = { section: string; key: string; value: string }[];

/** The lines of a unit file as systemd takes them (systemd.syntax). @throws on a line that it would not take */
export function readUnit(text: string): ReadUnit {
  const found: ReadUnit = [];
  let section: string | undefined;
  for (const line of text.replace(/\\\n/g, " ").split("\n")) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const name = /^\[([A-Za-z-]+)\]$/.exec(line)?.[1];
    const [, key, value] = /^([A-Za-z][A-Za-z0-9]*)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) section = name;
    else if (key === undefined || value === undefined || section === undefined)
      throw new Error(`not a line of a unit: ${line}`);
    else found.push({ section, key, value: value.trim() });
  }
  return found;
}
