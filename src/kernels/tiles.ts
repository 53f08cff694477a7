/** Panels of 8 columns that a tile of three rows and more takes at a time. */
export type PanelsAtOnce = 1 | 2;
/** The int8 dot as one instruction of the engine, or in pairs (assembly/tile/multiplyAdd.ts). */
export type Int8Dot = "fused" | "inPairs";

/** Which tiles matmuls use on this host (docs/kernels/tiles.md). Only speed depends on it: no bit of any result does. */
export interface Tiles {
  readonly f32Panels: PanelsAtOnce;
  readonly int8Panels: PanelsAtOnce;
  readonly int8Dot: Int8Dot;
}

/** What is right for sixteen vector registers of 128 bits and a dot that is one instruction; counting always uses it. */
export const plainTiles: Tiles = { f32Panels: 1, int8Panels: 1, int8Dot: "fused" };

/** The same as the kernels import it. */
export function tileImports({ f32Panels, int8Panels, int8Dot }: Tiles): WebAssembly.ModuleImports {
  return { f32Panels, int8Panels, int8DotInPairs: int8Dot === "inPairs" ? 1 : 0 };
}
