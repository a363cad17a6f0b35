import { Fault } from "@locum/contracts";
import { accessCollector } from "../collector-access.ts";
import type { Output } from "../output.ts";

type Asked = Parameters<typeof accessCollector>[0] & { service: string; reason: string };

/** A pin by the collector: `id` null lets go. @throws Fault usage, and what the collector answers */
export async function pinService(
  { service, reason, ...given }: Asked,
  { name = "", id, out }: { name: string | undefined; id: string | null; out: Output },
): Promise<number> {
  const channel = /^(pinned|hold)-/.test(name) ? name : `pinned-${name}`;
  if (!/^(pinned|hold)-[a-z0-9][a-z0-9._-]{0,90}$/.test(channel))
    throw new Fault("usage", `expected a name of a-z, 0-9, ., _ and -, found "${name.slice(0, 60)}"`);
  const { client } = await accessCollector(given);
  const pin =
    id === null
      ? await client.unpinSnapshot(service, channel, { reason })
      : await client.pinSnapshot(service, channel, { snapshot: id.toUpperCase(), reason });
  if (pin.snapshot === null) out.say(`${service}/${channel} lets go of ${pin.before ?? "nothing"}`);
  else {
    const isOther = pin.before !== null && pin.before !== pin.snapshot;
    out.say(`${service}/${channel} holds ${pin.snapshot}${isOther ? `, before ${pin.before}` : ""}`);
  }
  out.summary({ ...pin });
  return 0;
}
