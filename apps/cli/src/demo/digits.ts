import { readFile } from "node:fs/promises";
import { Agent } from "node:http";
import { join } from "node:path";
import { ask } from "./digit-client.ts";

export type Digits = {
  /** Three releases of one model. */
  files: { current: string; older: string; newer: string };
  goldenRequests: string;
  /** Held-out images, 64 values of 0..1 each. */
  images: number[][];
};

export async function readDigits(folder: string): Promise<Digits> {
  const { images } = JSON.parse(await readFile(join(folder, "test-set.json"), "utf8")) as {
    images: { image: number[] }[];
  };
  return {
    files: {
      current: join(folder, "model.onnx"),
      older: join(folder, "older/model.onnx"),
      newer: join(folder, "newer/model.onnx"),
    },
    goldenRequests: join(folder, "golden-requests.json"),
    images: images.map(({ image }) => image.map((value) => value / 16)),
  };
}

/** What a fresh model server answers, asked directly: the client's own truth, taken before the first fault. */
export async function referenceAnswers(url: string, images: number[][]): Promise<Float64Array[]> {
  const agent = new Agent({ keepAlive: true });
  try {
    const answers: Float64Array[] = [];
    for (const image of images) answers.push(Float64Array.from(await ask(agent, url, image)));
    return answers;
  } finally {
    agent.destroy();
  }
}
