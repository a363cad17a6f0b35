/**
 * Whether a request's shape fits what the model says: a negative size in the model's stands for any, and one more
 * dimension in front is a batch, which some servers leave out of their metadata. An empty shape there says nothing.
 */
export function isShapeOf(shape: readonly number[], spec: readonly number[]): boolean {
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return false;
  if (spec.length === 0) return true;
  const offset = shape.length - spec.length;
  return (
    (offset === 0 || offset === 1) && spec.every((size, index) => size < 0 || size === shape[index + offset])
  );
}
