/** Nanoseconds that an amount takes at a rate: FLOPs at a peak, bytes at a bandwidth. */
export function timeNs(amount: number, perSecond: number): number {
  return (amount / perSecond) * 1e9;
}
