/** Which side of the roofline limits a piece of work. */
export type Bound = "compute" | "memory";

/** The two roofs of a machine. */
export interface Roofs {
  readonly flopsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** Work to be placed under a roofline. */
export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** The rate that work of this intensity can reach: min(peak, intensity x bandwidth). */
export function attainableFlopsPerSecond(roofs: Roofs, intensityFlopsPerByte: number): number {
  return Math.min(roofs.flopsPerSecond, intensityFlopsPerByte * roofs.bytesPerSecond);
}

/** The intensity at which both roofs meet. @source Step-3 report, Table 4 (roofline column) */
export function ridgeFlopsPerByte(roofs: Roofs): number {
  return roofs.flopsPerSecond / roofs.bytesPerSecond;
}

/** The shortest time for the work: max(compute, memory), the two overlapping fully. */
export function roofTimeNs(roofs: Roofs, work: Work): number {
  return Math.max(computeSeconds(roofs, work), memorySeconds(roofs, work)) * 1e9;
}

/** The side that takes longer; at the ridge point itself, compute. */
export function boundOf(roofs: Roofs, work: Work): Bound {
  return memorySeconds(roofs, work) > computeSeconds(roofs, work) ? "memory" : "compute";
}

function computeSeconds(roofs: Roofs, work: Work): number {
  return work.flops / roofs.flopsPerSecond;
}

function memorySeconds(roofs: Roofs, work: Work): number {
  return work.bytes / roofs.bytesPerSecond;
}
