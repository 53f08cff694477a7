import type { RopeFrequencies } from "../workload/ropeFrequencies.ts";

/** Cosines of one position, one for each angle, then as many sines: what the kernels of assembly/linear/rope.ts read. */
export function fillRopeTable(
  table: Float32Array,
  position: number,
  { anglePerPosition, magnitude }: RopeFrequencies,
): void {
  for (const [i, perPosition] of anglePerPosition.entries()) {
    table[i] = Math.cos(position * perPosition) * magnitude;
    table[anglePerPosition.length + i] = Math.sin(position * perPosition) * magnitude;
  }
}
