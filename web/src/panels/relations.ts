// What points say together: a line through them, and those that none is better than.

type Point = readonly [number, number];

/** Returns the line of least squares and the correlation; nothing for points that have no such line. */
export function regression(points: Point[]) {
  const n = points.length;
  const mean = (of: (point: Point) => number) => points.reduce((sum, one) => sum + of(one), 0) / n;
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)];
  const sum = (of: (dx: number, dy: number) => number) =>
    points.reduce((total, [x, y]) => total + of(x - mx, y - my), 0);
  const [xx, xy, yy] = [sum((dx) => dx * dx), sum((dx, dy) => dx * dy), sum((_, dy) => dy * dy)];
  if (n < 2 || xx === 0) return undefined;
  const slope = xy / xx;
  return { at: (x: number) => my + slope * (x - mx), r: yy === 0 ? 0 : xy / Math.sqrt(xx * yy) };
}

/**
 * Returns the indexes of the points to which no other is better in one way and as good in the other,
 * from left to right. Whether more is better is said of either.
 */
export function paretoFront(points: Point[], moreX: boolean, moreY: boolean): number[] {
  const [signX, signY] = [moreX ? -1 : 1, moreY ? -1 : 1];
  const order = points
    .map(([x, y], index) => ({ x: signX * x, y: signY * y, index }))
    .sort((a, b) => a.x - b.x || a.y - b.y);
  const front: number[] = [];
  let best = Number.POSITIVE_INFINITY;
  for (const { y, index } of order) {
    if (y >= best) continue;
    best = y;
    front.push(index);
  }
  return front.sort((a, b) => (points[a]?.[0] ?? 0) - (points[b]?.[0] ?? 0));
}
