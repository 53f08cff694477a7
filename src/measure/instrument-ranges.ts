import type { Expression } from "./instrument-expressions.ts";
import type { Binaryen } from "./instrument-operations.ts";
import { COUNTER_BYTES, MAP_OFFSET, RANGES_IMPORT, type RangeMap, SLOTS, slotOffset } from "./rangeCounts.ts";

/** The function that counts what memory.copy, memory.fill and memory.init touch: address, bytes, 1 for a store. */
export const BULK_FUNCTION = "afdbench_countBulk";

/** The memory of counters and map, under its name inside the module. */
const RANGES_MEMORY = "afdbench_ranges";

type Module = InstanceType<Binaryen["Module"]>;

/** One place in a function that accesses memory; those close together take different slots. */
interface AccessSite {
  readonly index: number;
  readonly bytes: number;
  readonly isStore: 0 | 1;
}

/** Imports the memory of counters and map, and adds the function for bulk accesses. */
export function addRangeCounting(binaryen: Binaryen, module: Module, map: RangeMap): void {
  module.addMemoryImport(RANGES_MEMORY, RANGES_IMPORT.module, RANGES_IMPORT.name, false);
  addBulkFunction(binaryen, module, map);
}

/** Adds an access to the range of its first byte; `scratch` is an i32 local that nothing else uses meanwhile. */
export function countAccess(
  binaryen: Binaryen,
  module: Module,
  map: RangeMap,
  address: Expression,
  scratch: number,
  { index, bytes, isStore }: AccessSite,
): Expression[] {
  return [
    ...findCounter(binaryen, module, map, address, scratch),
    addTo(binaryen, module, scratch, slotOffset(isStore, index % SLOTS), module.i64.const(BigInt(bytes))),
  ];
}

/** Leaves the offset of an address's counters in `scratch`. */
function findCounter(
  binaryen: Binaryen,
  module: Module,
  { chunkShift, lastChunk }: RangeMap,
  address: Expression,
  scratch: number,
): Expression[] {
  const { i32, local } = module;
  const get = (): Expression => local.get(scratch, binaryen.i32);
  const chunk = i32.shr_u(address, i32.const(chunkShift));
  const counterOf = (at: Expression): Expression =>
    local.set(scratch, i32.mul(i32.load8_u(MAP_OFFSET, 1, at, RANGES_MEMORY), i32.const(COUNTER_BYTES)));
  if (lastChunk === undefined) return [counterOf(chunk)];
  const isInside = i32.lt_u(get(), i32.const(lastChunk));
  return [local.set(scratch, chunk), counterOf(module.select(isInside, get(), i32.const(lastChunk)))];
}

function addTo(binaryen: Binaryen, module: Module, counter: number, offset: number, bytes: Expression): Expression {
  const { i64, local } = module;
  const at = (): Expression => local.get(counter, binaryen.i32);
  const sum = i64.add(i64.load(offset, 8, at(), RANGES_MEMORY), bytes);
  return i64.store(offset, 8, at(), sum, RANGES_MEMORY);
}

/** Goes through the accessed bytes chunk by chunk, so that each counts in its own range. */
function addBulkFunction(binaryen: Binaryen, module: Module, map: RangeMap): void {
  const { i32, i64, local } = module;
  const [address, left, isStore, scratch, step] = [0, 1, 2, 3, 4];
  const get = (index: number): Expression => local.get(index, binaryen.i32);
  const chunkBytes = 2 ** map.chunkShift;
  const toChunkEnd = i32.sub(i32.const(chunkBytes), i32.and(get(address), i32.const(chunkBytes - 1)));
  const bytes = (): Expression => i64.extend_u(get(step));
  const next = module.block(null, [
    local.set(step, toChunkEnd),
    local.set(step, module.select(i32.lt_u(get(step), get(left)), get(step), get(left))),
    ...findCounter(binaryen, module, map, get(address), scratch),
    module.if(
      get(isStore),
      addTo(binaryen, module, scratch, slotOffset(1, 0), bytes()),
      addTo(binaryen, module, scratch, slotOffset(0, 0), bytes()),
    ),
    local.set(address, i32.add(get(address), get(step))),
    local.set(left, i32.sub(get(left), get(step))),
    module.br("next"),
  ]);
  const body = module.loop("next", module.if(get(left), next));
  const parameters = binaryen.createType([binaryen.i32, binaryen.i32, binaryen.i32]);
  module.addFunction(BULK_FUNCTION, parameters, binaryen.none, [binaryen.i32, binaryen.i32], body);
}
