import type { KernelCase } from "../kernels/case.ts";
import type { Target } from "../kernels/target.ts";
import { type HierarchyTraffic, type LevelTraffic, type TrafficKind, traceLevels } from "../measure/levelTraffic.ts";
import type { IntensityLevelRow } from "../record/intensityRows.ts";
import type { CacheChoice } from "./cacheChoice.ts";
import type { PlannedRow } from "./plannedRow.ts";

/** What a traced case asks of every level of every hierarchy; each segment counts once, whatever it stands for. */
export function levelRows(
  target: Target,
  { fields: { kernel, shape, dtype } }: PlannedRow,
  traced: { readonly kernelCase: KernelCase; readonly shape?: string },
  hierarchies: readonly CacheChoice[],
): IntensityLevelRow[] {
  return hierarchies.flatMap(({ name, levels }) => {
    const traffic = traceLevels(target, traced.kernelCase, levels);
    return traffic.levels.map((level) => ({
      ...{ row: "level" as const, kind: "measured" as const, kernel, shape, dtype, caches: name },
      ...(traced.shape === undefined ? {} : { traceShape: traced.shape }),
      ...levelNumbers(level, traffic),
    }));
  });
}

function levelNumbers({ level, loadBytes, storeBytes, kinds }: LevelTraffic, traffic: HierarchyTraffic) {
  const { matrixFlops, matrixInt8Ops } = traffic.counts;
  const flops = matrixFlops + matrixInt8Ops;
  const bytes = loadBytes + storeBytes;
  const moved = (kind: TrafficKind): number => kinds[kind].loadBytes + kinds[kind].storeBytes;
  return {
    level,
    loadedBytes: loadBytes,
    storedBytes: storeBytes,
    kvBytes: moved("kv"),
    weightBytes: moved("weights"),
    activationBytes: moved("activations"),
    scratchBytes: moved("scratch") + moved("other"),
    touchedBytes: Object.values(traffic.touchedBytes).reduce((sum, one) => sum + one, 0),
    flops,
    ...(bytes === 0 || flops === 0 ? {} : { flopsPerByte: flops / bytes }),
  };
}
