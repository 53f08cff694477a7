/**
 * Exponential and logarithm out of +, -, * and / alone, which IEEE 754 fixes to the last bit: Math.exp and Math.log may
 * differ between engines, and one bit can turn the order of two events.
 */

const LN2 = Math.LN2;

/** e^x for |x| up to 700, to about 1e-15 of its value. */
export function exactExp(x: number): number {
  const doublings = Math.round(x / LN2);
  const rest = x - doublings * LN2;
  // |rest| <= ln 2 / 2: the 18th power over 18! is below 1e-24.
  let sum = 1;
  for (let power = 18; power >= 1; power -= 1) sum = 1 + (sum * rest) / power;
  return scaled(sum, doublings);
}

/** The natural logarithm of a normal number above 0, to about 1e-15. */
export function exactLn(x: number): number {
  let mantissa = x;
  let doublings = 0;
  while (mantissa > Math.SQRT2) {
    mantissa /= 2;
    doublings += 1;
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    doublings -= 1;
  }
  // ln m = 2 (s + s^3 / 3 + s^5 / 5 + ...) with |s| < 0.172.
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let power = 25; power >= 1; power -= 2) sum = sum * square + 1 / power;
  return 2 * s * sum + doublings * LN2;
}

function scaled(value: number, doublings: number): number {
  const factor = doublings < 0 ? 0.5 : 2;
  let product = value;
  for (let left = Math.abs(doublings); left > 0; left -= 1) product *= factor;
  return product;
}
