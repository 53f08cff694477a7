import { InfeasibleError } from "../units/errors.ts";
import { formatBytes } from "../units/format.ts";
import type { KernelExports } from "./exports.ts";
import { plainTiles, type Tiles, tileImports } from "./tiles.ts";

const pageBytes = 65536;
/** A memory with 32-bit addresses ends here. */
export const memoryLimitBytes = 65536 * pageBytes;

/**
 * A shared WASM memory of at least `bytes`.
 *
 * @throws InfeasibleError above 4 GiB, or where the engine can't reserve it: says how much is needed.
 */
export function createMemory(bytes: number): WebAssembly.Memory {
  const pages = Math.ceil(bytes / pageBytes);
  if (pages * pageBytes > memoryLimitBytes) {
    throw new InfeasibleError(`needs ${formatBytes(bytes)}, a WASM memory ends at ${formatBytes(memoryLimitBytes)}`);
  }
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch {
    throw new InfeasibleError(`this machine did not give a WASM memory of ${formatBytes(bytes)}`);
  }
}

/** A compiled target and the tiles that its matmuls use; threads share it. */
export interface KernelModule {
  readonly module: WebAssembly.Module;
  readonly tiles: Tiles;
}

/** Compiles a kernel module. */
export function compileKernels(wasm: Uint8Array<ArrayBuffer>, tiles: Tiles = plainTiles): KernelModule {
  return { module: new WebAssembly.Module(wasm), tiles };
}

/** Reports one access of a traced module: address, bytes, 1 for a store. */
export type TraceAccess = (address: number, bytes: number, isStore: number) => void;

/**
 * Instantiates a kernel module on a memory; a traced module reports to `trace` (best another module's export: no JS between), a
 * counted one counts bytes by range in the memory `ranges`.
 */
export function instantiateKernels(
  { module, tiles }: KernelModule,
  memory: WebAssembly.Memory,
  trace?: TraceAccess,
  ranges?: WebAssembly.Memory,
): KernelExports {
  const imports: WebAssembly.Imports = {
    env: {
      memory,
      abort: () => {
        throw new Error("a kernel's assertion failed");
      },
    },
    tiles: tileImports(tiles),
  };
  if (trace !== undefined) imports.trace = { access: trace };
  if (ranges !== undefined) imports.ranges = { memory: ranges };
  return new WebAssembly.Instance(module, imports).exports as KernelExports;
}

/** A WASM memory of at least `bytes` for one thread. */
export function createPrivateMemory(bytes: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / pageBytes), maximum: memoryLimitBytes / pageBytes });
}

/** A shared WASM memory that begins small and grows on demand (the cache model's state). */
export function createGrowingMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: memoryLimitBytes / pageBytes, shared: true });
}
