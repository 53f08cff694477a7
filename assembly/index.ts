/** The exports of every target. Exported tiles hold loops, so the optimizer leaves them whole: the counters tell matrix products by them. */
export * from "./tile/f32";
export { packRows } from "./tile/rows";
export * from "./tile/int8";
export * from "./tile/int4";
export * from "./tile/pack";
export * from "./math/seeded";
export { matmulF32, matmulInt4, matmulInt8 } from "./linear/matmul";
export { quantizeRows, dequantizeSums } from "./linear/quantize";
export { rmsNormRows, addBiasRows, addRows, clearBytes } from "./linear/norm";
export { ropeNeighbourRows, ropeRows } from "./linear/rope";
export { appendToken } from "./attention/cache";
export { attentionPartF32, attentionQueriesF32 } from "./attention/coreF32";
export { attentionPartInt8, attentionQueriesInt8 } from "./attention/coreInt8";
export { finishAttention, mergeAttentionPart } from "./attention/merge";
export { biasedChoice, chooseExperts, keepBestGroups, sigmoidScores, softmaxScores } from "./moe/router";
export { groupByExpert, combineRows, gatherRows, gatherScaledRows } from "./moe/group";
export {
  addGroupedBias, clampedSwigluRows, gateRows, gegluRows, groupedMatmulF32, groupedMatmulInt4, groupedMatmulInt8, packGroupedRows,
  quantizeGroupedRows, swigluRows,
} from "./moe/experts";
export * from "./wire/bf16";
export * from "./wire/fp8";
export * from "./wire/int8";
export * from "./roofs/roofs";
export {
  cacheAccess, cacheAccesses, cacheDistinctLines, cacheFetchedLines, cacheFlush, cacheInit, cacheLoadBytes, cacheSetLevel, cacheSetRange,
  cacheStoreBytes, cacheWrittenLines,
} from "./cache/lru";
