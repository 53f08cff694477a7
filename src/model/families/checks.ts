import { InvalidInputError } from "../../units/errors.ts";

/** RoPE turns pairs of elements, so the width that it acts on must be even. @throws InvalidInputError */
export function checkEven(width: number, field: string): void {
  if (width % 2 !== 0)
    throw new InvalidInputError({ field, value: width, expected: "an even number (RoPE turns pairs)" });
}

/** A token can't be routed to more experts than there are. @throws InvalidInputError */
export function checkTopK(topK: number, experts: number, field: string): void {
  if (topK > experts) {
    throw new InvalidInputError({
      field,
      value: topK,
      expected: `a whole number from 1 to ${experts}, the number of experts`,
    });
  }
}

/** `value` must divide `whole` without remainder. @throws InvalidInputError */
export function checkDivides(value: number, whole: number, field: string, wholeName: string): void {
  if (whole % value !== 0) {
    throw new InvalidInputError({ field, value, expected: `a divisor of ${wholeName} (${whole})` });
  }
}
