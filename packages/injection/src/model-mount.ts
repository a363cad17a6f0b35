import type { PodSpec, Volume, VolumeMount } from "./pod.ts";
import type { Note } from "./reasons.ts";
import type { Target } from "./target.ts";

export type ModelMount = {
  mount: VolumeMount | undefined;
  modelDir: string | undefined;
  /** The claim that the files are on: pods that share it share its failures. */
  claim: string | undefined;
  notes: Note[];
};

/** The volume of the model's files, for the sidecar too, at the same place: its paths are the server's paths. */
export function modelMount(pod: PodSpec, { container, path }: Target): ModelMount {
  const none = (code: Note["code"], detail: string): ModelMount => ({
    mount: undefined,
    modelDir: undefined,
    claim: undefined,
    notes: [{ code, detail }],
  });
  if (!path) return none("model_path_unknown", "bytes are not judged; locum.dev/model-path names the folder");
  const over = (container.volumeMounts ?? [])
    .filter(({ mountPath }) => covers(mountPath, path.path))
    .sort((a, b) => b.mountPath.length - a.mountPath.length)[0];
  if (!over)
    return none(
      "model_not_mounted",
      `${path.path} is on no volume that the sidecar could see: bytes are not judged`,
    );
  if (over.subPathExpr)
    return none("model_not_mounted", `${path.path} is mounted by subPathExpr: bytes are not judged`);
  const volume = (pod.volumes ?? []).find(({ name }) => name === over.name);
  const readOnly = volume !== undefined && isReadOnly(volume);
  const { name, mountPath, subPath } = over;
  const claim = volume?.persistentVolumeClaim as { claimName?: unknown } | undefined;
  return {
    mount: { name, mountPath, ...(subPath ? { subPath } : {}), ...(readOnly ? { readOnly: true } : {}) },
    modelDir: path.path,
    claim: typeof claim?.claimName === "string" ? claim.claimName : undefined,
    notes: readOnly
      ? [
          {
            code: "model_volume_read_only",
            detail: `volume ${name} cannot be written: nothing is restored there`,
          },
        ]
      : [],
  };
}

const covers = (mountPath: string, path: string): boolean => {
  const bare = mountPath.replace(/\/+$/, "");
  return path === bare || path.startsWith(`${bare}/`);
};

const readOnlyKinds = ["configMap", "secret", "projected", "downwardAPI", "image", "gitRepo"];
const isReadOnly = (volume: Volume): boolean =>
  readOnlyKinds.some((kind) => volume[kind] != null) ||
  Object.values(volume).some(
    (source) =>
      typeof source === "object" && source !== null && "readOnly" in source && source.readOnly === true,
  );
