import { readFile } from "node:fs/promises";
import { join } from "node:path";

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
