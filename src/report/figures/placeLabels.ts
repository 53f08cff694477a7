/** A rectangle in pixels, y downwards. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export interface Segment {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}

/** A text to place beside one of its anchors, the first being the best. */
export interface LabelRequest {
  readonly width: number;
  readonly height: number;
  readonly anchors: readonly Anchor[];
  /** Distances from the anchor to try; those beyond the first are shown by a leader. */
  readonly distances: readonly number[];
}

export interface Anchor {
  readonly x: number;
  readonly y: number;
  /** Of the mark that stands there. */
  readonly radius: number;
}

export interface LabelScene {
  /** What no label leaves. */
  readonly frame: Box;
  readonly labels: readonly LabelRequest[];
  /** Marks of points. */
  readonly points: readonly Anchor[];
  readonly segments: readonly Segment[];
}

export interface LabelPlace {
  readonly box: Box;
  /** From the anchor's mark to a box that does not touch it. */
  readonly leader?: Segment;
}

/**
 * Places labels greedily: each takes the cheapest of its places (12 directions, several distances) beside those that stand
 * already, then all are gone through again while one still gains. Two labels never overlap: where no place is left, the
 * later one gets none.
 * @returns a place for each label, in their order
 */
export function placeLabels(scene: LabelScene): readonly (LabelPlace | undefined)[] {
  const candidates = scene.labels.map((label, index) =>
    index < MOST_LABELS ? candidatesOf(label, scene).sort((one, other) => one.cost - other.cost) : [],
  );
  const chosen: (Candidate | undefined)[] = candidates.map(() => undefined);
  for (let pass = 0; pass < PASSES; pass++) {
    let changed = false;
    for (const [index, own] of candidates.entries()) {
      const best = cheapest(own, without(chosen, index));
      if (best !== chosen[index]) changed = true;
      chosen[index] = best;
    }
    if (!changed) break;
  }
  return withoutOverlaps(chosen);
}

const PASSES = 12;
/** Beyond this many a picture cannot be read, and placing takes long. */
const MOST_LABELS = 250;

/** Costs of what a label does to a picture. */
const COST = {
  labelOverlap: 2000,
  pointOverlap: 400,
  lineCrossing: 60,
  leaderOnLabel: 300,
  leaderOnPoint: 150,
  leaderCrossing: 60,
  nearerToAnother: 40,
  distance: 12,
  anchor: 6,
} as const;

/** Where a box stands about its anchor, in shares of its half width and height, and how odd that looks. */
const DIRECTIONS = [
  [1, 0, 0],
  [-1, 0, 2],
  [0, -1, 2],
  [0, 1, 3],
  [1, -1, 1],
  [1, 1, 2],
  [-1, -1, 3],
  [-1, 1, 4],
  [0.6, -1, 3],
  [-0.6, -1, 4],
  [0.6, 1, 4],
  [-0.6, 1, 5],
] as const;
const CORNER = 0.6;

interface Candidate extends LabelPlace {
  /** Cost without other labels. */
  readonly cost: number;
}

function candidatesOf(label: LabelRequest, scene: LabelScene): Candidate[] {
  return label.anchors.flatMap((anchor, rank) =>
    label.distances.flatMap((distance, step) =>
      DIRECTIONS.flatMap(([across, down, oddity]): Candidate[] => {
        const gap = (distance + anchor.radius) * (Math.abs(across) === 1 && Math.abs(down) === 1 ? CORNER : 1);
        const box = boxAround(
          anchor.x + across * (label.width / 2 + gap),
          anchor.y + down * (label.height / 2 + gap),
          label,
        );
        if (!contains(scene.frame, box)) return [];
        const place: LabelPlace = step === 0 ? { box } : { box, leader: leaderTo(box, anchor) };
        const cost = oddity + step * COST.distance + rank * COST.anchor + costAmongMarks(place, anchor, scene);
        return [{ ...place, cost }];
      }),
    ),
  );
}

function costAmongMarks({ box, leader }: LabelPlace, anchor: Anchor, { points, segments }: LabelScene): number {
  const own = distanceTo(box, anchor);
  let cost = 0;
  for (const point of points) {
    if (point.x === anchor.x && point.y === anchor.y) continue;
    const distance = distanceTo(box, point) - point.radius;
    if (distance < 1) cost += COST.pointOverlap;
    else if (leader === undefined && distance < own) cost += COST.nearerToAnother;
    if (leader !== undefined && crosses(leader, boxOf(point))) cost += COST.leaderOnPoint;
  }
  for (const segment of segments) {
    if (crosses(segment, box)) cost += COST.lineCrossing;
    if (leader !== undefined && meet(leader, segment)) cost += COST.leaderCrossing;
  }
  return cost;
}

function cheapest(candidates: readonly Candidate[], others: readonly LabelPlace[]): Candidate | undefined {
  let best: Candidate | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    // The candidates are sorted, and other labels only add to a cost.
    if (candidate.cost >= bestCost) break;
    const cost = candidate.cost + costAmongLabels(candidate, others);
    if (cost < bestCost) [best, bestCost] = [candidate, cost];
  }
  return best;
}

function costAmongLabels({ box, leader }: LabelPlace, others: readonly LabelPlace[]): number {
  let cost = 0;
  for (const other of others) {
    if (overlap(box, other.box)) cost += COST.labelOverlap;
    if (leader !== undefined && crosses(leader, other.box)) cost += COST.leaderOnLabel;
    if (other.leader !== undefined && crosses(other.leader, box)) cost += COST.leaderOnLabel;
    if (leader !== undefined && other.leader !== undefined && meet(leader, other.leader)) cost += COST.leaderCrossing;
  }
  return cost;
}

function without(chosen: readonly (Candidate | undefined)[], index: number): readonly Candidate[] {
  return chosen.filter((one, at): one is Candidate => one !== undefined && at !== index);
}

function withoutOverlaps(chosen: readonly (Candidate | undefined)[]): readonly (LabelPlace | undefined)[] {
  const kept: LabelPlace[] = [];
  return chosen.map((place) => {
    if (place === undefined || kept.some((other) => overlap(place.box, other.box))) return undefined;
    const { box, leader } = place;
    kept.push(place);
    return leader === undefined ? { box } : { box, leader };
  });
}

function boxAround(x: number, y: number, { width, height }: { width: number; height: number }): Box {
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
}

function boxOf({ x, y, radius }: Anchor): Box {
  return boxAround(x, y, { width: 2 * radius, height: 2 * radius });
}

/** From the rim of the mark to the nearest point of the box. */
function leaderTo(box: Box, { x, y, radius }: Anchor): Segment {
  const [x2, y2] = nearestIn(box, x, y);
  const length = Math.hypot(x2 - x, y2 - y) || 1;
  return { x1: x + ((x2 - x) * radius) / length, y1: y + ((y2 - y) * radius) / length, x2, y2 };
}

function nearestIn(box: Box, x: number, y: number): readonly [number, number] {
  return [Math.min(Math.max(x, box.left), box.right), Math.min(Math.max(y, box.top), box.bottom)];
}

function distanceTo(box: Box, { x, y }: Anchor): number {
  const [nearX, nearY] = nearestIn(box, x, y);
  return Math.hypot(nearX - x, nearY - y);
}

function contains(outer: Box, inner: Box): boolean {
  return (
    inner.left >= outer.left && inner.right <= outer.right && inner.top >= outer.top && inner.bottom <= outer.bottom
  );
}

function overlap(one: Box, other: Box): boolean {
  return one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
}

/** Whether a segment has a point within a box. */
function crosses(segment: Segment, box: Box): boolean {
  const { x1, y1, x2, y2 } = segment;
  let [from, to] = [0, 1];
  for (const [start, step, least, greatest] of [
    [x1, x2 - x1, box.left, box.right],
    [y1, y2 - y1, box.top, box.bottom],
  ] as const) {
    if (step === 0) {
      if (start <= least || start >= greatest) return false;
      continue;
    }
    const [one, other] = [(least - start) / step, (greatest - start) / step];
    from = Math.max(from, Math.min(one, other));
    to = Math.min(to, Math.max(one, other));
  }
  return from < to;
}

/** Whether two segments cross. */
function meet(one: Segment, other: Segment): boolean {
  const side = ({ x1, y1, x2, y2 }: Segment, x: number, y: number) =>
    Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1));
  return (
    side(one, other.x1, other.y1) * side(one, other.x2, other.y2) < 0 &&
    side(other, one.x1, one.y1) * side(other, one.x2, one.y2) < 0
  );
}
