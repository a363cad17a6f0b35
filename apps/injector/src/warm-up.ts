import { setImmediate as turn } from "node:timers/promises";
import type { InjectConfig } from "@locum/injection";
import { answerReview } from "./answer-review.ts";

const images = [
  "nvcr.io/nvidia/tritonserver:24.08-py3",
  "vllm/vllm-openai:v0.6.3",
  "seldonio/mlserver:1.6.1",
  "registry.example/own:1",
];
const reviews = 1200;

/**
 * Answers reviews of pods that do not exist, before the first real one: cold, an answer takes tens of milliseconds the
 * first time and three times as long as later for the first thousand, and pods are not created so often that this
 * would pass by itself.
 */
export async function warmUp(config: InjectConfig): Promise<void> {
  for (let i = 0; i < reviews; i += 1) {
    const text = JSON.stringify(reviewOf(images[i % images.length] ?? "", i % 3 === 0));
    JSON.stringify(answerReview(JSON.parse(text), config).answer);
    // Probes are answered in between.
    if (i % 20 === 0) await turn();
  }
}

const reviewOf = (image: string, tap: boolean): object => ({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "warm-up",
    kind: { group: "", version: "v1", kind: "Pod" },
    operation: "CREATE",
    object: {
      metadata: {
        generateName: "warm-up-7d9f-",
        labels: { "locum.dev/inject": "enabled" },
        ...(tap ? { annotations: { "locum.dev/posture": "tap" } } : {}),
        ownerReferences: [{ kind: "ReplicaSet", name: "warm-up-7d9f" }],
      },
      spec: {
        containers: [
          {
            name: "server",
            image,
            args: ["serve", "--model-repository=/models"],
            ports: [{ name: "http", containerPort: 8000, protocol: "TCP" }],
            readinessProbe: { httpGet: { path: "/v2/health/ready", port: "http" } },
            volumeMounts: [{ name: "models", mountPath: "/models" }],
          },
        ],
        volumes: [{ name: "models", persistentVolumeClaim: { claimName: "models" } }],
      },
    },
  },
});
