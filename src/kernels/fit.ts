import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import type { Buffer } from "./arena.ts";

/** Vectors of four float32 begin here; what is not aligned so straddles lines and pages. */
const vectorBytes = 16;

/**
 * Refuses to run kernels over buffers that a memory does not hold: a kernel itself checks no address.
 *
 * @throws InvalidInputError where a buffer does not begin on a vector, InfeasibleError where one ends beyond the memory.
 */
export function requireFits(buffers: readonly Buffer[], memory: WebAssembly.Memory): void {
  const memoryBytes = memory.buffer.byteLength;
  for (const { name, address, bytes } of buffers) {
    if (!Number.isSafeInteger(address) || address < 0 || address % vectorBytes !== 0)
      throw new InvalidInputError({
        field: `address of ${name}`,
        value: address,
        expected: `a multiple of ${vectorBytes}`,
      });
    if (address + bytes > memoryBytes)
      throw new InfeasibleError(`${name} needs memory up to byte ${address + bytes}, and there are ${memoryBytes}`);
  }
}
