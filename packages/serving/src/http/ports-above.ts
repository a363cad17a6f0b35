/** The same address on the next ports, for servers that keep their other APIs there. None where the URL names no port. */
export function portsAbove(base: string, count: number): string[] {
  const { protocol, hostname, port } = new URL(base);
  if (port === "") return [];
  return Array.from({ length: count }, (_, index) => Number(port) + index + 1)
    .filter((above) => above <= 65_535)
    .map((above) => `${protocol}//${hostname}:${above}`);
}
