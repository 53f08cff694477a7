/**
 * Which tile this host's matmuls use (src/kernels/tiles.ts), given when the module is instantiated. Only speed depends on it: no bit of
 * any result does.
 */

/** Panels of 8 columns that a float32 tile of three rows and more takes at a time: 1, or 2 where the engine fuses vectors to 256 bits. */
// @ts-ignore: decorator
@external("tiles", "f32Panels")
export declare const f32Panels: i32;

/** The same for int8 tiles. */
// @ts-ignore: decorator
@external("tiles", "int8Panels")
export declare const int8Panels: i32;

/** 1 where int8 tiles multiply in pairs (multiplyAdd.ts), 0 where the dot is one instruction. */
// @ts-ignore: decorator
@external("tiles", "int8DotInPairs")
export declare const int8DotInPairs: i32;
