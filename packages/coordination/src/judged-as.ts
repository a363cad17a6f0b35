/**
 * Which of the judged names speak for a wanted one (`M`, or `M@V` for one version): its own; else the unversioned one,
 * which may be this version; else every version of it, since any may be the one that the server takes.
 */
export function judgedAs(judged: readonly string[], wanted: string): string[] {
  if (judged.includes(wanted)) return [wanted];
  const at = wanted.lastIndexOf("@");
  const unversioned = at > 0 ? wanted.slice(0, at) : null;
  if (unversioned !== null && judged.includes(unversioned)) return [unversioned];
  return judged.filter((name) => name.startsWith(`${wanted}@`) && !name.includes("@", wanted.length + 1));
}
