// Which metrics matter most, and which way they are better, as far as names say it.

const WEIGHTS = [
  /(^|[^a-z])val(id|idation)?([^a-z]|$)/i,
  /(^|[^a-z])eval(uation)?([^a-z]|$)/i,
  /(^|[^a-z])test([^a-z]|$)/i,
  /(^|[^a-z])train(ing)?([^a-z]|$)/i,
];

/** The group of what a machine did meanwhile; it stands last. */
export const SYSTEM = "system/";

/** Returns metrics in the order in which somebody looks at them: of validation, of training, others. */
export function inOrderOfWeight(metrics: Iterable<string>): string[] {
  return [...metrics].sort((a, b) => weight(a) - weight(b) || (a < b ? -1 : 1));
}

function weight(metric: string): number {
  if (metric.startsWith(SYSTEM)) return WEIGHTS.length + 1;
  const place = WEIGHTS.findIndex((pattern) => pattern.test(metric));
  return place < 0 ? WEIGHTS.length : place;
}

// Names do not say which way is better for certain, so it can be turned round.
const LESS =
  /loss|err|mae|mse|rmse|perplexity|ppl|time|latency|seconds|cost|wer|cer|fid|nll|brier|divergence/i;

export function lessIsBetter(metric: string): boolean {
  return LESS.test(metric);
}
