/** 32 well-mixed bits of some whole numbers: equal numbers give equal bits, on any machine. Constants: C. Wellons' "lowbias32", public domain. */
export function bitsOf(...numbers: readonly number[]): number {
  let hash = 0x9e3779b1;
  for (const number of numbers) hash = mix(hash ^ mix(number | 0) ^ Math.imul(hash, 31));
  return hash >>> 0;
}

/** A number of [0, 1) that follows from some whole numbers. */
export function uniformOf(...numbers: readonly number[]): number {
  return bitsOf(...numbers) / 2 ** 32;
}

/** A number of the normal distribution that follows from some whole numbers (Box and Muller). */
export function normalOf(...numbers: readonly number[]): number {
  const radius = Math.sqrt(-2 * Math.log(1 - uniformOf(1, ...numbers)));
  return radius * Math.cos(2 * Math.PI * uniformOf(2, ...numbers));
}

function mix(bits: number): number {
  let x = bits | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}
