import { InvalidInputError } from "../../units/errors.ts";

/**
 * A word or number for each layer: the file's list, or what `otherwise` says where it has none.
 * @throws InvalidInputError unless the list is as long as there are layers
 */
export function perLayer<T>(
  list: readonly T[] | null | undefined,
  layers: number,
  field: string,
  otherwise: (index: number) => T,
): readonly T[] {
  if (list === null || list === undefined) return Array.from({ length: layers }, (_, index) => otherwise(index));
  if (list.length === layers) return list;
  const expected = `one for each of num_hidden_layers (${layers})`;
  throw new InvalidInputError({ field, value: list, expected });
}
