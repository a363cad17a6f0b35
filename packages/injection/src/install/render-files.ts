import { stringify } from "yaml";
import type { Manifest } from "./manifest.ts";
import { renderInstall } from "./render-install.ts";
import { type InstallValues, valuesSchema } from "./values.ts";

const yaml = (value: unknown): string =>
  stringify(value, { lineWidth: 0, aliasDuplicateObjects: false, defaultStringType: "PLAIN" });

/** Several objects in one file, as kubectl reads them. */
export const manifestsYaml = (objects: readonly Manifest[]): string => objects.map(yaml).join("---\n");

/**
 * Values of the Helm chart: the objects themselves. The chart decides nothing, so that it cannot decide otherwise. The
 * namespace is not among them: Helm makes its own (`--create-namespace`), and would remove this one with all in it.
 */
export const chartValues = (values: InstallValues): string =>
  yaml({ objects: renderInstall(values).filter(({ kind }) => kind !== "Namespace") });

/** What is published beside the code, by its path under deploy/. Tests hold the files equal to this. */
export function deployFiles(values: InstallValues): Record<string, string> {
  const { version } = values.inject;
  const note = "# Rendered from packages/injection/src/install; a test holds it equal.\n";
  return {
    "kubernetes/values.schema.json": `${JSON.stringify(valuesSchema(), null, 2)}\n`,
    "helm/locum/Chart.yaml":
      note +
      yaml({
        apiVersion: "v2",
        name: "locum",
        description: "Disaster recovery for model serving: injector, collector and admission policies",
        type: "application",
        version,
        appVersion: version,
        kubeVersion: ">=1.30.0-0",
      }),
    "helm/locum/values.yaml": `${note}# Other values: locum install --values FILE -o helm > values.yaml\n${chartValues(values)}`,
    "helm/locum/templates/objects.yaml": `{{- range .Values.objects }}\n---\n{{ toYaml . }}\n{{- end }}\n`,
    "helm/locum/templates/NOTES.txt": notes,
    "kustomize/base/kustomization.yaml":
      note +
      yaml({
        apiVersion: "kustomize.config.k8s.io/v1beta1",
        kind: "Kustomization",
        resources: ["locum.yaml"],
      }),
    "kustomize/base/locum.yaml": note + manifestsYaml(renderInstall(values)),
  };
}

const notes = `Locum is installed. A pod asks for a sidecar with the label locum.dev/inject: enabled on its template.

  locum check --pre                        is this cluster fit?
  kubectl -n {{ .Release.Namespace }} get pods       are the parts ready?

Restricted Pod Security for this namespace:
  kubectl label namespace {{ .Release.Namespace }} pod-security.kubernetes.io/enforce=restricted
`;
