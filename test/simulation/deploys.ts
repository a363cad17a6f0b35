import { keepTwin } from "./acting.ts";
import { beats } from "./faults.ts";
import { corruptTree, load, newRelease } from "./model.ts";
import { learnReleases, lookAtFiles } from "./probing.ts";
import { later } from "./process.ts";
import type { Instance } from "./sidecar.ts";
import type { World } from "./world.ts";

/** A release is approved, then its bytes come to one instance after the other, and each is reloaded by its deployer. */
export function deploy(world: World, { torn, broken }: { torn: boolean; broken: boolean }): void {
  const current = world.releases.at(-1);
  withdrawOldest(world);
  if (world.releases.length > 6 || world.instances.some(({ approved }) => approved < world.releases.length))
    return;
  if (!current || (broken && current.broken)) return;
  world.stats.deploys += 1;
  const release = newRelease(world.stats.deploys + 1, world.scenario.goldensPerRelease, broken);
  world.releases.push(release);
  let startMs = world.nowMs;
  for (const instance of world.instances) {
    startMs += beats(world, 1, 8);
    // The deployer asks the sidecar first whether it knows the approval.
    world.heap.push(startMs, () => {
      instance.approved = world.releases.length;
      for (const sidecar of instance.sidecars)
        later(world, sidecar.process, 1, () => learnReleases(world, sidecar));
    });
    world.heap.push(startMs + beats(world, 3, 6), () =>
      writeRelease(world, instance, release, torn && world.random.chance(0.5)),
    );
  }
}

/** Many hours see many releases: the oldest is withdrawn once nobody holds anything of it. */
function withdrawOldest(world: World): void {
  const [oldest] = world.releases;
  if (!oldest || world.releases.length < 6) return;
  if (world.instances.some(({ approved }) => approved < world.releases.length)) return;
  const held = world.instances.some(
    ({ volume, model }) =>
      volume.tree === oldest.tree || volume.twins.includes(oldest.digest) || model.loaded === oldest.digest,
  );
  if (held) return;
  world.releases.shift();
  for (const instance of world.instances) {
    instance.approved -= 1;
    for (const sidecar of instance.sidecars)
      later(world, sidecar.process, 1, () => learnReleases(world, sidecar));
  }
}

function writeRelease(
  world: World,
  instance: Instance,
  release: World["releases"][number],
  torn: boolean,
): void {
  const { volume, model } = instance;
  if (volume.writing || volume.tree === release.tree) return;
  // Nobody who reads these files may take them for strange ones.
  const index = world.releases.indexOf(release);
  if (world.instances.some((other) => other.volume === volume && other.approved <= index))
    return world.heap.push(world.nowMs + beats(world, 1, 2), () =>
      writeRelease(world, instance, release, torn),
    );
  volume.tree = corruptTree(world);
  volume.writing = true;
  volume.writtenAtMs = world.nowMs;
  const trickle = (): void => {
    if (!volume.writing) return;
    volume.writtenAtMs = world.nowMs;
    world.heap.push(world.nowMs + 500, trickle);
  };
  trickle();
  world.heap.push(world.nowMs + beats(world, 0.2, 10), () => {
    volume.writing = false;
    volume.writtenAtMs = world.nowMs;
    if (torn) {
      for (const other of world.instances)
        if (other.volume === volume) other.model.troubledAtMs = world.nowMs;
      return;
    }
    volume.tree = release.tree;
    keepTwin(world, instance);
    for (const sidecar of instance.sidecars)
      later(world, sidecar.process, 1, () => lookAtFiles(world, sidecar));
    world.heap.push(world.nowMs + beats(world, 0.1, 5), () => {
      const { troubledAtMs } = model;
      if (model.up && model.hungSinceMs === null) load(world, model, volume);
      // A deploy is no trouble: whoever is isolated for it is isolated wrongly.
      model.troubledAtMs = release.broken ? world.nowMs : troubledAtMs;
    });
  });
}
