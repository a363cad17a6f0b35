/**
 * Cross-entropy of a softmax: the surprise at `next` in nats, and into `delta` its gradient, the probabilities less one
 * at what came. Scores are shifted by their largest, so that none overflows.
 */
export function surprise(scores: Float32Array, delta: Float32Array, next: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < scores.length; i++) largest = Math.max(largest, scores[i] ?? 0);
  let sum = 0;
  for (let i = 0; i < scores.length; i++) {
    const share = Math.exp((scores[i] ?? 0) - largest);
    delta[i] = share;
    sum += share;
  }
  for (let i = 0; i < scores.length; i++) delta[i] = (delta[i] ?? 0) / sum;
  const nats = Math.log(sum) + largest - (scores[next] ?? 0);
  delta[next] = (delta[next] ?? 0) - 1;
  return nats;
}
