import FlatQueue from "flatqueue";
import type { Slice } from "../record/slice.ts";
import type { TransferTimes } from "../theory/pipeline.ts";
import { InfeasibleError } from "../units/errors.ts";
import type { Cluster, ClusterSide, Outage } from "./cluster.ts";
import { jitterFactors, seededRandom } from "./random.ts";

/** What a cluster decodes: asked at the end of every step of a micro-batch. */
export interface DecodeLoad {
  /** Factors on the times of a full micro-batch: of attention [instance x micro-batches + micro-batch]. */
  readonly attention: Float64Array;
  /** Of the FFN, and of all transfers, [micro-batch]. */
  readonly ffn: Float64Array;
  readonly transfer: Float64Array;
  /** Whether utilization is counted from here on: false while the pipeline fills and drains. */
  readonly measuring: boolean;
  /**
   * Ends the step of a micro-batch that is under way, if one is. Gives `nowNs` to start the next one, a later time to be
   * asked again then, undefined never to be. The factors hold for the step that starts.
   */
  nextStep(microBatch: number, nowNs: number): number | undefined;
}

/** Shares of the counted time in which instances and links were busy, means over those of a side. */
export interface Utilization {
  readonly attention: number;
  readonly ffn: number;
  readonly attentionLink: number;
  readonly ffnLink: number;
}

/** Picoseconds are whole numbers, so that sums are exact and equal times equal, whatever the order. */
const PS_PER_NS = 1000;

/** Kinds of events, in the order in which those of one time and micro-batch come. */
const ATTENTION_READY = 0;
const ATTENTION_DONE = 1;
const DISPATCH = 2;
const FFN_READY = 3;
const FFN_DONE = 4;
const COMBINE = 5;
const STEP_END = 6;
const KINDS = 7;

/**
 * A discrete-event simulation of attention and FFN instances.
 *
 * Instances and links serve in the order of arrival. An attention instance that has finished a micro-batch sends its part to
 * all FFN instances; these begin it when all parts have come, and send it back; attention goes on with its next layer when
 * all FFN instances have answered. A message is received while it is sent: it has arrived when neither link is still busy
 * with it, and its latency has passed. Events are those of instances, never of pairs.
 */
export class ClusterEngine {
  readonly #cluster: Cluster;
  readonly #load: DecodeLoad;
  readonly #onSlice: ((slice: Slice) => void) | undefined;
  readonly #factor: (() => number) | undefined;
  readonly #queue: FlatQueue;
  readonly #mostInstances: number;
  /** Events of one time, to be taken in the order of their numbers. */
  readonly #batch: Uint32Array;
  #events = 0;
  #nowPs = 0;

  readonly #layers: Float64Array;
  readonly #sides: { readonly attention: SideState; readonly ffn: SideState };
  readonly #layerOf: Uint32Array;
  readonly #stepOf: Int32Array;
  #window: { readonly fromPs: number; readonly busyPs: Float64Array } | undefined;
  #utilization: Utilization | undefined;

  constructor(cluster: Cluster, load: DecodeLoad, onSlice?: (slice: Slice) => void) {
    const { attentionInstances, ffnInstances, microBatches } = cluster;
    this.#cluster = cluster;
    this.#load = load;
    this.#onSlice = onSlice;
    this.#factor = jitterFactors(cluster.jitter, seededRandom(cluster.seed, JITTER_STREAM));
    this.#mostInstances = Math.max(attentionInstances, ffnInstances);
    const mostEvents = microBatches * (this.#mostInstances + 1);
    this.#queue = new FlatQueue(mostEvents);
    this.#batch = new Uint32Array(mostEvents);
    this.#layers = layerTable(cluster);
    this.#sides = { attention: sideState("attention", cluster), ffn: sideState("ffn", cluster) };
    this.#layerOf = new Uint32Array(microBatches);
    this.#stepOf = new Int32Array(microBatches).fill(-1);
    for (let microBatch = 0; microBatch < microBatches; microBatch += 1) this.#startStep(microBatch, 0);
    if (onSlice !== undefined) for (const outage of cluster.outages) onSlice(outageSlice(outage));
  }

  /** Events so far. */
  get events(): number {
    return this.#events;
  }

  get nowNs(): number {
    return this.#nowPs / PS_PER_NS;
  }

  /**
   * Simulates about this many events on.
   * @returns whether any are left
   * @throws InfeasibleError where the simulated time leaves the exact integers: 2.5 hours of picoseconds
   */
  advance(events: number): boolean {
    const queue = this.#queue;
    const end = this.#events + events;
    while (this.#events < end) {
      if (queue.length === 0) {
        this.#closeWindow();
        return false;
      }
      const now = queue.peekValue() as number;
      if (now > Number.MAX_SAFE_INTEGER) throw new InfeasibleError(TOO_LONG);
      this.#nowPs = now;
      let count = 0;
      while (queue.length > 0 && queue.peekValue() === now) {
        this.#batch[count] = queue.pop() as number;
        count += 1;
      }
      if (count > 1) this.#batch.subarray(0, count).sort();
      for (let index = 0; index < count; index += 1) this.#handle(this.#batch[index] as number, now);
      this.#events += count;
    }
    return queue.length > 0;
  }

  /** Of the time in which the load was measuring; undefined where it never was. */
  utilization(): Utilization | undefined {
    return this.#utilization;
  }

  #push(kind: number, microBatch: number, instance: number, atPs: number): void {
    this.#queue.push((microBatch * KINDS + kind) * this.#mostInstances + instance, atPs);
  }

  #handle(event: number, now: number): void {
    const instance = event % this.#mostInstances;
    const rest = (event - instance) / this.#mostInstances;
    const kind = rest % KINDS;
    const microBatch = (rest - kind) / KINDS;
    const { attention, ffn } = this.#sides;
    switch (kind) {
      case ATTENTION_READY:
        this.#push(ATTENTION_DONE, microBatch, instance, this.#compute(attention, instance, microBatch, now));
        return;
      case ATTENTION_DONE:
        this.#send(attention, instance, microBatch, now, DISPATCH);
        return;
      case DISPATCH:
        this.#receive(attention, ffn, microBatch, now);
        return;
      case FFN_READY:
        this.#push(FFN_DONE, microBatch, instance, this.#compute(ffn, instance, microBatch, now));
        return;
      case FFN_DONE:
        this.#send(ffn, instance, microBatch, now, COMBINE);
        return;
      case COMBINE:
        this.#receive(ffn, attention, microBatch, now);
        return;
      default:
        this.#startStep(microBatch, now);
    }
  }

  /** Puts work into an instance's queue; gives its end. */
  #compute(side: SideState, instance: number, microBatch: number, now: number): number {
    const layer = this.#layerOf[microBatch] as number;
    let workPs = side.workPs[instance * side.layers + layer] as number;
    workPs *= side.perInstance
      ? (this.#load.attention[instance * this.#cluster.microBatches + microBatch] as number)
      : (this.#load.ffn[microBatch] as number);
    if (this.#factor !== undefined) workPs *= this.#factor();
    workPs = Math.round(workPs);
    const startPs = startOutside(side.outages[instance], Math.max(now, side.freePs[instance] as number), workPs);
    const endPs = startPs + workPs;
    side.freePs[instance] = endPs;
    side.busyPs[instance] = (side.busyPs[instance] as number) + workPs;
    if (this.#onSlice !== undefined) this.#slice(side, instance, "compute", microBatch, startPs, endPs);
    return endPs;
  }

  /** Sends a part of a micro-batch; the last part to start has the receivers begin. */
  #send(side: SideState, instance: number, microBatch: number, now: number, kind: number): void {
    const occupiedPs = this.#occupiedPs(side.sendColumn, microBatch);
    const startPs = Math.max(now, side.sendFreePs[instance] as number);
    const endPs = startPs + occupiedPs;
    side.sendFreePs[instance] = endPs;
    side.linkBusyPs[instance] = (side.linkBusyPs[instance] as number) + occupiedPs;
    if (this.#onSlice !== undefined && occupiedPs > 0) {
      this.#slice(side, instance, "sending", microBatch, startPs, endPs);
    }
    const parts = side.gather;
    const count = (parts.count[microBatch] as number) + 1;
    if (count === 1) {
      parts.firstStartPs[microBatch] = startPs;
      parts.lastStartPs[microBatch] = startPs;
      parts.lastEndPs[microBatch] = endPs;
    } else {
      parts.firstStartPs[microBatch] = Math.min(parts.firstStartPs[microBatch] as number, startPs);
      parts.lastStartPs[microBatch] = Math.max(parts.lastStartPs[microBatch] as number, startPs);
      parts.lastEndPs[microBatch] = Math.max(parts.lastEndPs[microBatch] as number, endPs);
    }
    parts.count[microBatch] = count === side.instances ? 0 : count;
    if (count === side.instances) this.#push(kind, microBatch, 0, parts.lastStartPs[microBatch] as number);
  }

  /** All parts are under way: each receiver's link takes them in, and no faster than they are sent. */
  #receive(from: SideState, to: SideState, microBatch: number, now: number): void {
    const occupiedPs = this.#occupiedPs(to.receiveColumn, microBatch);
    const lastPartPs = Math.ceil(occupiedPs / from.instances);
    const firstStartPs = from.gather.firstStartPs[microBatch] as number;
    const lastEndPs = from.gather.lastEndPs[microBatch] as number;
    const latencyPs = this.#layers[(this.#layerOf[microBatch] as number) * COLUMNS + from.latencyColumn] as number;
    const kind = this.#nextAfter(from, microBatch);
    let arrivedPs = 0;
    for (let instance = 0; instance < to.instances; instance += 1) {
      const startPs = Math.max(firstStartPs, to.receiveFreePs[instance] as number);
      const endPs = Math.max(startPs + occupiedPs, now + lastPartPs);
      to.receiveFreePs[instance] = endPs;
      to.linkBusyPs[instance] = (to.linkBusyPs[instance] as number) + occupiedPs;
      if (this.#onSlice !== undefined && occupiedPs > 0) {
        this.#slice(to, instance, "receiving", microBatch, startPs, endPs);
      }
      const atPs = Math.max(endPs, lastEndPs) + latencyPs;
      if (kind === STEP_END) arrivedPs = Math.max(arrivedPs, atPs);
      else this.#push(kind, microBatch, instance, atPs);
    }
    if (from.name === "ffn") this.#layerOf[microBatch] = this.#layerAfter(microBatch);
    if (kind === STEP_END) this.#push(STEP_END, microBatch, 0, arrivedPs);
  }

  #nextAfter(from: SideState, microBatch: number): number {
    if (from.name === "attention") return FFN_READY;
    return this.#layerAfter(microBatch) === 0 ? STEP_END : ATTENTION_READY;
  }

  #layerAfter(microBatch: number): number {
    return ((this.#layerOf[microBatch] as number) + 1) % this.#cluster.layers.length;
  }

  #occupiedPs(column: number, microBatch: number): number {
    const fullPs = this.#layers[(this.#layerOf[microBatch] as number) * COLUMNS + column] as number;
    return Math.round(fullPs * (this.#load.transfer[microBatch] as number));
  }

  #startStep(microBatch: number, now: number): void {
    const startNs = this.#load.nextStep(microBatch, now / PS_PER_NS);
    if (this.#load.measuring) this.#window ??= { fromPs: now, busyPs: this.#busyPs() };
    else this.#closeWindow();
    if (startNs === undefined) return;
    if (startNs > now / PS_PER_NS) {
      this.#push(STEP_END, microBatch, 0, Math.max(now + 1, Math.ceil(startNs * PS_PER_NS)));
      return;
    }
    this.#stepOf[microBatch] = (this.#stepOf[microBatch] as number) + 1;
    for (let instance = 0; instance < this.#cluster.attentionInstances; instance += 1) {
      this.#push(ATTENTION_READY, microBatch, instance, now);
    }
  }

  #closeWindow(): void {
    if (this.#window === undefined || this.#utilization !== undefined) return;
    const spanPs = this.#nowPs - this.#window.fromPs;
    const before = this.#window.busyPs;
    const { attentionInstances, ffnInstances, linkUse } = this.#cluster;
    const [attention = 0, ffn = 0, attentionLink = 0, ffnLink = 0] = this.#busyPs().map(
      (busyPs, index) => busyPs - (before[index] as number),
    );
    // Work is counted where it begins, so that one piece may reach beyond the window's end.
    const share = (busyPs: number, count: number) => (spanPs === 0 ? 0 : Math.min(1, busyPs / (spanPs * count)));
    const directions = linkUse === "duplex" ? 2 : 1;
    this.#utilization = {
      attention: share(attention, attentionInstances),
      ffn: share(ffn, ffnInstances),
      attentionLink: share(attentionLink, attentionInstances * directions),
      ffnLink: share(ffnLink, ffnInstances * directions),
    };
  }

  #busyPs(): Float64Array {
    const { attention, ffn } = this.#sides;
    const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
    return Float64Array.of(sum(attention.busyPs), sum(ffn.busyPs), sum(attention.linkBusyPs), sum(ffn.linkBusyPs));
  }

  #slice(
    side: SideState,
    instance: number,
    lane: Slice["lane"],
    microBatch: number,
    startPs: number,
    endPs: number,
  ): void {
    this.#onSlice?.({
      side: side.name,
      instance,
      lane,
      microBatch,
      step: this.#stepOf[microBatch] as number,
      layer: this.#layerOf[microBatch] as number,
      startNs: startPs / PS_PER_NS,
      endNs: endPs / PS_PER_NS,
    });
  }
}

const JITTER_STREAM = 1;
const TOO_LONG =
  "the simulated time exceeds 2.5 hours, beyond which picoseconds are not exact: take fewer steps or requests";

/** Instances of one side and their links. */
interface SideState {
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

function outageSlice({ side, instance, atNs, recoveryNs }: Outage): Slice {
  const place = { microBatch: 0, step: 0, layer: 0 };
  return { side, instance, lane: "outage", ...place, startNs: atNs, endNs: atNs + recoveryNs };
}

interface OutagePs {
  readonly fromPs: number;
  readonly toPs: number;
}

function sideState(name: ClusterSide, cluster: Cluster): SideState {
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

/** Columns of the table of transfers, a row a layer. */
const A2F_LATENCY = 0;
const A2F_ATTENTION_LINK = 1;
const A2F_FFN_LINK = 2;
const F2A_LATENCY = 3;
const F2A_ATTENTION_LINK = 4;
const F2A_FFN_LINK = 5;
const COLUMNS = 6;

function layerTable({ layers }: Cluster): Float64Array {
  const columns = ({ latencyNs, attentionLinkNs, ffnLinkNs }: TransferTimes) => [latencyNs, attentionLinkNs, ffnLinkNs];
  const valuesNs = layers.flatMap(({ a2f, f2a }) => [...columns(a2f), ...columns(f2a)]);
  return Float64Array.from(valuesNs, (valueNs) => Math.round(valueNs * PS_PER_NS));
}

function outagesOf(name: ClusterSide, instances: number, { outages }: Cluster): (OutagePs[] | undefined)[] {
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
function startOutside(outages: readonly OutagePs[] | undefined, readyPs: number, workPs: number): number {
  if (outages === undefined) return readyPs;
  let startPs = readyPs;
  for (const { fromPs, toPs } of outages) {
    if (fromPs < startPs + workPs && startPs < toPs) startPs = toPs;
  }
  return startPs;
}
