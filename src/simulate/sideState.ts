import type { Cluster, ClusterSide } from "./cluster.ts";
import { type OutagePs, outagesOf } from "./outages.ts";
import { PS_PER_NS } from "./picoseconds.ts";
import {
  A2F_ATTENTION_LINK,
  A2F_FFN_LINK,
  A2F_LATENCY,
  F2A_ATTENTION_LINK,
  F2A_FFN_LINK,
  F2A_LATENCY,
} from "./transferTable.ts";

/** Instances of one side and their links. */
export interface SideState {
  readonly name: ClusterSide;
  readonly instances: number;
  readonly layers: number;
  /** Time of a full micro-batch, [instance x layers + layer]. */
  readonly workPs: Float64Array;
  /** Whether loads differ between instances. */
  readonly perInstance: boolean;
  readonly outages: readonly (readonly OutagePs[] | undefined)[];
  /** When each instance will have done what it has been given. */
  readonly freePs: Float64Array;
  readonly busyPs: Float64Array;
  /** The two are one array where directions take turns. */
  readonly sendFreePs: Float64Array;
  readonly receiveFreePs: Float64Array;
  readonly linkBusyPs: Float64Array;
  readonly sendColumn: number;
  readonly receiveColumn: number;
  /** Of what this side sends. */
  readonly latencyColumn: number;
  readonly gather: Gather;
}

/** Parts of a micro-batch that a side has sent, [micro-batch]. */
interface Gather {
  readonly count: Uint32Array;
  readonly firstStartPs: Float64Array;
  readonly lastStartPs: Float64Array;
  readonly lastEndPs: Float64Array;
}

/** A side in which nothing has happened yet. */
export function sideState(name: ClusterSide, cluster: Cluster): SideState {
  const { layers, linkUse } = cluster;
  const attention = name === "attention";
  const instances = attention ? cluster.attentionInstances : cluster.ffnInstances;
  const slowdowns = attention ? cluster.attentionSlowdowns : cluster.ffnSlowdowns;
  const workPs = new Float64Array(instances * layers.length);
  for (let instance = 0; instance < instances; instance += 1) {
    const loads = attention ? undefined : cluster.expertLoads?.[instance];
    for (const [layer, times] of layers.entries()) {
      const fullNs = attention ? times.attentionNs : times.ffnNs;
      workPs[instance * layers.length + layer] =
        fullNs * PS_PER_NS * (slowdowns[instance] as number) * (loads?.[layer] ?? 1);
    }
  }
  const sendFreePs = new Float64Array(instances);
  return {
    name,
    instances,
    layers: layers.length,
    workPs,
    perInstance: attention,
    outages: outagesOf(name, instances, cluster),
    freePs: new Float64Array(instances),
    busyPs: new Float64Array(instances),
    sendFreePs,
    receiveFreePs: linkUse === "shared" ? sendFreePs : new Float64Array(instances),
    linkBusyPs: new Float64Array(instances),
    sendColumn: attention ? A2F_ATTENTION_LINK : F2A_FFN_LINK,
    receiveColumn: attention ? F2A_ATTENTION_LINK : A2F_FFN_LINK,
    latencyColumn: attention ? A2F_LATENCY : F2A_LATENCY,
    gather: gather(cluster.microBatches),
  };
}

function gather(microBatches: number): Gather {
  return {
    count: new Uint32Array(microBatches),
    firstStartPs: new Float64Array(microBatches),
    lastStartPs: new Float64Array(microBatches),
    lastEndPs: new Float64Array(microBatches),
  };
}
