/** The exports of every target. Exported tiles hold loops, so the optimizer leaves them whole: the counters tell matrix products by them. */
export * from "./tile/f32";
export { packRows } from "./tile/rows";
export * from "./tile/int8";
export * from "./tile/pack";
export * from "./math/seeded";
export { matmulF32, matmulInt8 } from "./linear/matmul";
export { quantizeRows, dequantizeSums } from "./linear/quantize";
export { rmsNormRows, addRows, clearBytes } from "./linear/norm";
export { ropeRows } from "./linear/rope";
export { appendToken } from "./attention/cache";
export { attentionPartF32, attentionQueriesF32 } from "./attention/coreF32";
export { attentionPartInt8, attentionQueriesInt8 } from "./attention/coreInt8";
export { finishAttention, mergeAttentionPart } from "./attention/merge";
export { routeSoftmax } from "./moe/router";
export { groupByExpert, gatherRows, combineRows } from "./moe/group";
export { groupedMatmulF32, groupedMatmulInt8, packGroupedRows, quantizeGroupedRows, swigluRows } from "./moe/experts";
export * from "./roofs/roofs";
export { cacheAccess, cacheAccesses, cacheDistinctLines, cacheInit, cacheMisses, cacheSetRange } from "./cache/lru";
