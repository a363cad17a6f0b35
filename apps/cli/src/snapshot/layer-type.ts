import { posix } from "node:path";

const weights =
  /\.(safetensors|gguf|ggml|onnx|bin|pt|pth|ckpt|pb|h5|keras|tflite|npz|msgpack|engine|plan|data|weight)$|\.data-\d+-of-\d+$/i;
const docs = /^(readme|license|licence|notice|copying|changelog|authors)\b|\.(md|rst|pdf)$/i;
const code = /\.(py|pyc|sh|ipynb|js|ts|c|cc|cpp|cu|h|hpp|go|rs|java|so|lua)$/i;

/** Of the raw media types of ModelPack, the one that a file's name speaks for; configuration where none does. */
export function layerType(path: string): string {
  const name = posix.basename(path);
  const kind = docs.test(name)
    ? "doc"
    : code.test(name)
      ? "code"
      : weights.test(name)
        ? "weight"
        : "weight.config";
  return `application/vnd.cncf.model.${kind}.v1.raw`;
}
