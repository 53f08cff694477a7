/** Picoseconds are whole numbers, so that sums are exact and equal times equal, whatever the order. */
export const PS_PER_NS = 1000;
