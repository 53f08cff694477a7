import type binaryen from "binaryen";

/** The binaryen module, handed in by the build: the package stays a development dependency. */
export type Binaryen = typeof binaryen;

/**
 * What an instruction counts as.
 *
 * - `float`: matrixFlops in functions exported as `tileF32…`, elementwiseFlops in all others.
 * - `dot`: matrixInt8Ops, wherever it stands.
 * - `integer`: matrixInt8Ops in functions exported as `tileInt8…`, elsewhere not counted (addresses, indices, bit tricks).
 * - `conversion`: conversions.
 */
export type OperationKind = "float" | "dot" | "integer" | "conversion";

/** The kinds of binaryen expression that carry an operation code; codes are unique within a kind only. */
export type OperationNode = "Unary" | "Binary" | "SIMDTernary" | "SIMDLoad";

interface OperationRow {
  readonly node: OperationNode;
  readonly kind: OperationKind;
  /** Operations that one execution counts, over all its lanes. */
  readonly count: number;
  readonly operations: readonly (keyof Binaryen)[];
}

/**
 * What each instruction counts, over all lanes; a multiply-add is two.
 *
 * Not counted: sign flips, absolute values and copied signs (bit operations), comparisons, selects, shuffles, splats and
 * lane moves, bitwise logic, scalar integers (addresses and loop counters).
 */
export const OPERATION_ROWS: readonly OperationRow[] = [
  {
    node: "Unary",
    kind: "float",
    count: 1,
    operations: [
      ...(["SqrtFloat32", "CeilFloat32", "FloorFloat32", "TruncFloat32", "NearestFloat32"] as const),
      ...(["SqrtFloat64", "CeilFloat64", "FloorFloat64", "TruncFloat64", "NearestFloat64"] as const),
    ],
  },
  {
    node: "Binary",
    kind: "float",
    count: 1,
    operations: [
      ...(["AddFloat32", "SubFloat32", "MulFloat32", "DivFloat32", "MinFloat32", "MaxFloat32"] as const),
      ...(["AddFloat64", "SubFloat64", "MulFloat64", "DivFloat64", "MinFloat64", "MaxFloat64"] as const),
    ],
  },
  {
    node: "Unary",
    kind: "float",
    count: 4,
    operations: ["SqrtVecF32x4", "CeilVecF32x4", "FloorVecF32x4", "TruncVecF32x4", "NearestVecF32x4"],
  },
  {
    node: "Binary",
    kind: "float",
    count: 4,
    operations: [
      ...(["AddVecF32x4", "SubVecF32x4", "MulVecF32x4", "DivVecF32x4", "MinVecF32x4", "MaxVecF32x4"] as const),
      ...(["PMinVecF32x4", "PMaxVecF32x4", "RelaxedMinVecF32x4", "RelaxedMaxVecF32x4"] as const),
    ],
  },
  {
    node: "Unary",
    kind: "float",
    count: 2,
    operations: ["SqrtVecF64x2", "CeilVecF64x2", "FloorVecF64x2", "TruncVecF64x2", "NearestVecF64x2"],
  },
  {
    node: "Binary",
    kind: "float",
    count: 2,
    operations: [
      ...(["AddVecF64x2", "SubVecF64x2", "MulVecF64x2", "DivVecF64x2", "MinVecF64x2", "MaxVecF64x2"] as const),
      ...(["PMinVecF64x2", "PMaxVecF64x2", "RelaxedMinVecF64x2", "RelaxedMaxVecF64x2"] as const),
    ],
  },
  // Multiply-add: 4 or 2 lanes of two operations.
  { node: "SIMDTernary", kind: "float", count: 8, operations: ["RelaxedMaddVecF32x4", "RelaxedNmaddVecF32x4"] },
  { node: "SIMDTernary", kind: "float", count: 4, operations: ["RelaxedMaddVecF64x2", "RelaxedNmaddVecF64x2"] },

  // 16 products, each added to another one or to the sums.
  { node: "SIMDTernary", kind: "dot", count: 32, operations: ["RelaxedDotI8x16I7x16AddSToVecI32x4"] },
  // 16 products, 8 additions of neighbours.
  { node: "Binary", kind: "dot", count: 24, operations: ["RelaxedDotI8x16I7x16SToVecI16x8"] },
  // 8 products, 4 additions of neighbours; with the i32x4.add that sums up, 16 operations for 8 multiply-adds.
  { node: "Binary", kind: "dot", count: 12, operations: ["DotSVecI16x8ToVecI32x4"] },
  { node: "Binary", kind: "integer", count: 4, operations: ["AddVecI32x4", "MulVecI32x4"] },
  { node: "Binary", kind: "integer", count: 8, operations: ["AddVecI16x8", "MulVecI16x8"] },
  {
    node: "Binary",
    kind: "integer",
    count: 8,
    operations: ["ExtMulLowSVecI16x8", "ExtMulHighSVecI16x8", "ExtMulLowUVecI16x8", "ExtMulHighUVecI16x8"],
  },
  {
    node: "Binary",
    kind: "integer",
    count: 4,
    operations: ["ExtMulLowSVecI32x4", "ExtMulHighSVecI32x4", "ExtMulLowUVecI32x4", "ExtMulHighUVecI32x4"],
  },
  {
    node: "Unary",
    kind: "integer",
    count: 8,
    operations: ["ExtAddPairwiseSVecI8x16ToI16x8", "ExtAddPairwiseUVecI8x16ToI16x8"],
  },
  {
    node: "Unary",
    kind: "integer",
    count: 4,
    operations: ["ExtAddPairwiseSVecI16x8ToI32x4", "ExtAddPairwiseUVecI16x8ToI32x4"],
  },

  {
    node: "Unary",
    kind: "conversion",
    count: 1,
    operations: [
      ...(["TruncSFloat32ToInt32", "TruncUFloat32ToInt32", "TruncSFloat64ToInt32", "TruncUFloat64ToInt32"] as const),
      ...(["TruncSFloat32ToInt64", "TruncUFloat32ToInt64", "TruncSFloat64ToInt64", "TruncUFloat64ToInt64"] as const),
      ...(["TruncSatSFloat32ToInt32", "TruncSatUFloat32ToInt32", "TruncSatSFloat64ToInt32"] as const),
      ...(["TruncSatUFloat64ToInt32", "TruncSatSFloat32ToInt64", "TruncSatUFloat32ToInt64"] as const),
      ...(["TruncSatSFloat64ToInt64", "TruncSatUFloat64ToInt64"] as const),
      ...(["ConvertSInt32ToFloat32", "ConvertUInt32ToFloat32", "ConvertSInt32ToFloat64"] as const),
      ...(["ConvertUInt32ToFloat64", "ConvertSInt64ToFloat32", "ConvertUInt64ToFloat32"] as const),
      ...(["ConvertSInt64ToFloat64", "ConvertUInt64ToFloat64", "PromoteFloat32", "DemoteFloat64"] as const),
    ],
  },
  {
    node: "Unary",
    kind: "conversion",
    count: 4,
    operations: [
      ...(["ConvertSVecI32x4ToVecF32x4", "ConvertUVecI32x4ToVecF32x4"] as const),
      ...(["TruncSatSVecF32x4ToVecI32x4", "TruncSatUVecF32x4ToVecI32x4"] as const),
      ...(["RelaxedTruncSVecF32x4ToVecI32x4", "RelaxedTruncUVecF32x4ToVecI32x4"] as const),
      ...(["ExtendLowSVecI16x8ToVecI32x4", "ExtendHighSVecI16x8ToVecI32x4"] as const),
      ...(["ExtendLowUVecI16x8ToVecI32x4", "ExtendHighUVecI16x8ToVecI32x4"] as const),
    ],
  },
  {
    node: "Unary",
    kind: "conversion",
    count: 2,
    operations: [
      ...(["ConvertLowSVecI32x4ToVecF64x2", "ConvertLowUVecI32x4ToVecF64x2"] as const),
      ...(["TruncSatZeroSVecF64x2ToVecI32x4", "TruncSatZeroUVecF64x2ToVecI32x4"] as const),
      ...(["RelaxedTruncZeroSVecF64x2ToVecI32x4", "RelaxedTruncZeroUVecF64x2ToVecI32x4"] as const),
      ...(["DemoteZeroVecF64x2ToVecF32x4", "PromoteLowVecF32x4ToVecF64x2"] as const),
      ...(["ExtendLowSVecI32x4ToVecI64x2", "ExtendHighSVecI32x4ToVecI64x2"] as const),
      ...(["ExtendLowUVecI32x4ToVecI64x2", "ExtendHighUVecI32x4ToVecI64x2"] as const),
    ],
  },
  {
    node: "Unary",
    kind: "conversion",
    count: 8,
    operations: [
      ...(["ExtendLowSVecI8x16ToVecI16x8", "ExtendHighSVecI8x16ToVecI16x8"] as const),
      ...(["ExtendLowUVecI8x16ToVecI16x8", "ExtendHighUVecI8x16ToVecI16x8"] as const),
    ],
  },
  {
    node: "Binary",
    kind: "conversion",
    count: 16,
    operations: ["NarrowSVecI16x8ToVecI8x16", "NarrowUVecI16x8ToVecI8x16"],
  },
  {
    node: "Binary",
    kind: "conversion",
    count: 8,
    operations: ["NarrowSVecI32x4ToVecI16x8", "NarrowUVecI32x4ToVecI16x8"],
  },
  // Loads that widen what they load.
  { node: "SIMDLoad", kind: "conversion", count: 8, operations: ["Load8x8SVec128", "Load8x8UVec128"] },
  { node: "SIMDLoad", kind: "conversion", count: 4, operations: ["Load16x4SVec128", "Load16x4UVec128"] },
  { node: "SIMDLoad", kind: "conversion", count: 2, operations: ["Load32x2SVec128", "Load32x2UVec128"] },
];

interface VectorAccessRow {
  readonly node: "SIMDLoad" | "SIMDLoadStoreLane";
  readonly access: "load" | "store";
  readonly bytes: number;
  readonly operations: readonly (keyof Binaryen)[];
}

/** Bytes that the vector loads and stores of less than a whole vector touch. */
export const VECTOR_ACCESS_ROWS: readonly VectorAccessRow[] = [
  { node: "SIMDLoad", access: "load", bytes: 1, operations: ["Load8SplatVec128"] },
  { node: "SIMDLoad", access: "load", bytes: 2, operations: ["Load16SplatVec128"] },
  { node: "SIMDLoad", access: "load", bytes: 4, operations: ["Load32SplatVec128", "Load32ZeroVec128"] },
  {
    node: "SIMDLoad",
    access: "load",
    bytes: 8,
    operations: [
      ...(["Load64SplatVec128", "Load64ZeroVec128", "Load8x8SVec128", "Load8x8UVec128"] as const),
      ...(["Load16x4SVec128", "Load16x4UVec128", "Load32x2SVec128", "Load32x2UVec128"] as const),
    ],
  },
  { node: "SIMDLoadStoreLane", access: "load", bytes: 1, operations: ["Load8LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "load", bytes: 2, operations: ["Load16LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "load", bytes: 4, operations: ["Load32LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "load", bytes: 8, operations: ["Load64LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "store", bytes: 1, operations: ["Store8LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "store", bytes: 2, operations: ["Store16LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "store", bytes: 4, operations: ["Store32LaneVec128"] },
  { node: "SIMDLoadStoreLane", access: "store", bytes: 8, operations: ["Store64LaneVec128"] },
];
