/** One line of what happened in a world: its own time in seconds, who, what. */
export function printTrace(atMs: number, who: string, what: string): void {
  console.log(`${(atMs / 1000).toFixed(3).padStart(11)}  ${who.padEnd(12)} ${what}`);
}
