import { type Digest, type Peer, type Role, type ServiceConfig, splitAddress } from "@locum/contracts";
import type { Target } from "./tap/target.ts";

/** What is known of another instance of the service right now. */
export type PeerState = {
  id: string;
  role: Role;
  fit: boolean;
  /** Models that it is fit for, where it is not fit for all. */
  models: readonly string[];
  target: Target | null;
};

/** What its own /readyz said last; null where it did not answer. */
export type PeerSeen = {
  fit: boolean;
  role: Role;
  epoch: number;
  models: readonly string[];
  /** Where it gives its live files, and the tree that they are; null where it gives none. */
  files?: { url: string; tree: Digest } | null;
} | null;

/** Whether it may answer requests of these judged models; of none in particular, it has to be fit for all. */
export const isFitFor = ({ fit, models }: PeerState, wanted: readonly string[]): boolean =>
  fit || (wanted.length > 0 && wanted.every((name) => models.includes(name)));

type Known = { peer: Peer; toldAtMs: number; seen: PeerSeen; seenAtMs: number; target: Target | null };

export type PeerBook = {
  /** From the collector's policy, or at the first start from the service file. */
  know(peers: readonly Peer[], atMs: number): void;
  heard(id: string, seen: PeerSeen, atMs: number): void;
  /** `policyFresh`: the collector is there, so that its word counts where a peer has not been asked yet. */
  states(atMs: number, policyFresh: boolean): PeerState[];
  controls(): { id: string; control: string }[];
  /** Those that were fit when they were asked last, and said that their live files are this tree. */
  holders(tree: Digest, atMs: number): { id: string; files: string }[];
};

/** Asked twice a second: what four questions did not confirm is no longer known. */
const seenForMs = 2000;

/** The other instances, so that a tap can forward without a collector. Its own instance is never in it. */
export function createPeerBook(ownId: string): PeerBook {
  const known = new Map<string, Known>();
  return {
    know(peers, atMs) {
      for (const peer of peers) {
        if (peer.id === ownId) continue;
        const before = known.get(peer.id);
        // A collector that has just started may not know yet where a peer is: what is known here stays.
        const tap = peer.tap ?? before?.peer.tap ?? null;
        const control = peer.control ?? before?.peer.control ?? null;
        const target = before?.target?.url === tap ? before.target : targetOf({ ...peer, tap });
        known.set(peer.id, {
          peer: { ...peer, tap, control },
          target,
          toldAtMs: before?.peer.fit === peer.fit ? before.toldAtMs : atMs,
          seen: before?.seen ?? null,
          seenAtMs: before?.seenAtMs ?? Number.NEGATIVE_INFINITY,
        });
      }
      const ids = new Set(peers.map(({ id }) => id));
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    },
    heard(id, seen, atMs) {
      const entry = known.get(id);
      if (entry) known.set(id, { ...entry, seen, seenAtMs: atMs });
    },
    states: (atMs, policyFresh) =>
      [...known.values()].map(({ peer, toldAtMs, seen, seenAtMs, target }) => {
        const asked = atMs - seenAtMs < seenForMs;
        // The newer word counts: its own, asked twice a second, or the collector's, pushed when it changes. A peer
        // that does not answer is not forwarded to.
        const told = policyFresh && (toldAtMs > seenAtMs || peer.control === null);
        const fit = told ? peer.fit : asked && seen?.fit === true;
        const models = fit || told || !asked ? [] : (seen?.models ?? []);
        return { id: peer.id, role: seen?.role ?? peer.role, fit, models, target };
      }),
    holders: (tree, atMs) =>
      [...known.entries()].flatMap(([id, { seen, seenAtMs }]) =>
        seen?.fit && seen.files?.tree === tree && atMs - seenAtMs < seenForMs
          ? [{ id, files: seen.files.url }]
          : [],
      ),
    controls: () =>
      [...known.values()].flatMap(({ peer: { id, control } }) => (control ? [{ id, control }] : [])),
  };
}

const targetOf = ({ id, tap }: Peer): Target | null =>
  tap === null ? null : { id, url: tap, hop: "tap" as const };

/** The peers as the service file has them, for a start without a collector: those whose ports are fixed. */
export function peersOf({ instances, posture }: ServiceConfig): Peer[] {
  const urlOf = (address: string): string | null =>
    splitAddress(address).port === 0 ? null : `http://${address}`;
  return instances
    .filter(({ shadow }) => !shadow)
    .map(({ id, role, sidecar }) => ({
      id,
      role,
      tap: posture === "tap" ? urlOf(sidecar.tap) : null,
      control: urlOf(sidecar.control),
      fit: false,
    }));
}
