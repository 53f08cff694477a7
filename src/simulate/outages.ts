import type { Slice } from "../record/slice.ts";
import type { Cluster, ClusterSide, Outage } from "./cluster.ts";
import { PS_PER_NS } from "./picoseconds.ts";

/** A time in which an instance does nothing. */
export interface OutagePs {
  readonly fromPs: number;
  readonly toPs: number;
}

/** Outages of each instance of a side, in order; undefined where it has none. */
export function outagesOf(
  name: ClusterSide,
  instances: number,
  { outages }: Cluster,
): readonly (readonly OutagePs[] | undefined)[] {
  const lists: (OutagePs[] | undefined)[] = new Array(instances).fill(undefined);
  for (const { side, instance, atNs, recoveryNs } of outages) {
    if (side !== name) continue;
    const list = lists[instance] ?? [];
    list.push({ fromPs: Math.round(atNs * PS_PER_NS), toPs: Math.round((atNs + recoveryNs) * PS_PER_NS) });
    lists[instance] = list.sort((one, other) => one.fromPs - other.fromPs);
  }
  return lists;
}

/** The start of work that no outage interrupts; what an outage meets is lost, and begun anew after it. */
export function startOutside(outages: readonly OutagePs[] | undefined, readyPs: number, workPs: number): number {
  if (outages === undefined) return readyPs;
  let startPs = readyPs;
  for (const { fromPs, toPs } of outages) {
    if (fromPs < startPs + workPs && startPs < toPs) startPs = toPs;
  }
  return startPs;
}

/** An outage as a trace shows it. */
export function outageSlice({ side, instance, atNs, recoveryNs }: Outage): Slice {
  const place = { microBatch: 0, step: 0, layer: 0 };
  return { side, instance, lane: "outage", ...place, startNs: atNs, endNs: atNs + recoveryNs };
}
