import type { Slice } from "../record/slice.ts";
import { InfeasibleError } from "../units/errors.ts";
import type { Cluster, ClusterSide, Outage, RandomFailures } from "./cluster.ts";
import { PS_PER_NS } from "./picoseconds.ts";
import { type Random, seededRandom } from "./random.ts";

/** A time in which an instance does nothing. */
interface OutagePs {
  readonly fromPs: number;
  readonly toPs: number;
}

/** Work that is begun anew more often for one layer will not end. */
const MOST_ATTEMPTS = 1000;

/** When an instance is down: at given times, and at random ones, which are drawn as they are needed. */
export class OutageSchedule {
  readonly #listed: readonly OutagePs[];
  readonly #draw: ((afterPs: number) => OutagePs) | undefined;
  /** Told of what was drawn once it is over. */
  readonly #onRandom: ((outage: OutagePs) => void) | undefined;
  #next = 0;
  #random: OutagePs | undefined;
  #hits = 0;

  constructor(
    listed: readonly OutagePs[],
    draw: ((afterPs: number) => OutagePs) | undefined,
    onRandom: ((outage: OutagePs) => void) | undefined,
  ) {
    this.#listed = listed;
    this.#draw = draw;
    this.#onRandom = onRandom;
    this.#random = draw?.(0);
  }

  /** Outages that made work wait or begin anew. */
  get hits(): number {
    return this.#hits;
  }

  /**
   * The start of work that no outage interrupts; what an outage meets is lost, and begun anew after it.
   * @param readyPs never before the end of the work before
   * @throws InfeasibleError where the instance fails so often that it does not come to an end
   */
  startOutside(readyPs: number, workPs: number): number {
    let startPs = readyPs;
    for (let attempts = 0; attempts < MOST_ATTEMPTS; ) {
      const listed = this.#listed[this.#next];
      const random = this.#random;
      const isListed = listed !== undefined && (random === undefined || listed.fromPs <= random.fromPs);
      const outage = isListed ? listed : random;
      if (outage === undefined || outage.fromPs >= startPs + workPs) return startPs;
      if (outage.toPs > startPs) {
        startPs = outage.toPs;
        this.#hits += 1;
        attempts += 1;
      }
      if (isListed) {
        this.#next += 1;
        continue;
      }
      this.#onRandom?.(outage);
      this.#random = this.#draw?.(outage.toPs);
    }
    throw new InfeasibleError(TOO_OFTEN);
  }
}

const TOO_OFTEN =
  "an instance fails so often that it does not finish the work of one layer: take a longer time between failures";

/** Schedules of each instance of a side; undefined where it has no outages. */
export function outagesOf(
  side: ClusterSide,
  instances: number,
  cluster: Cluster,
  onSlice: ((slice: Slice) => void) | undefined,
): readonly (OutageSchedule | undefined)[] {
  const failures = cluster.failures[side];
  const byInstance = Map.groupBy(
    cluster.outages.filter((outage) => outage.side === side),
    ({ instance }) => instance,
  );
  return Array.from({ length: instances }, (_, instance) => {
    const listed = (byInstance.get(instance) ?? [])
      .map(({ atNs, recoveryNs }) => ({
        fromPs: Math.round(atNs * PS_PER_NS),
        toPs: Math.round((atNs + recoveryNs) * PS_PER_NS),
      }))
      .sort((one, other) => one.fromPs - other.fromPs);
    if (listed.length === 0 && failures === undefined) return undefined;
    const draw =
      failures === undefined
        ? undefined
        : drawn(failures, seededRandom(cluster.seed, FAILURE_STREAM + 2 * instance + (side === "ffn" ? 1 : 0)));
    const onRandom =
      onSlice === undefined
        ? undefined
        : ({ fromPs, toPs }: OutagePs) => {
            const [atNs, recoveryNs] = [fromPs / PS_PER_NS, (toPs - fromPs) / PS_PER_NS];
            onSlice(outageSlice({ side, instance, atNs, recoveryNs }));
          };
    return new OutageSchedule(listed, draw, onRandom);
  });
}

const FAILURE_STREAM = 1000;

function drawn({ meanBetweenNs, recoveryNs }: RandomFailures, { exponential }: Random): (afterPs: number) => OutagePs {
  return (afterPs) => {
    const fromPs = afterPs + Math.max(1, Math.round(meanBetweenNs * PS_PER_NS * exponential()));
    return { fromPs, toPs: fromPs + Math.round(recoveryNs * PS_PER_NS) };
  };
}

/** An outage as a trace shows it. */
export function outageSlice({ side, instance, atNs, recoveryNs }: Outage): Slice {
  const place = { microBatch: 0, step: 0, layer: 0 };
  return { side, instance, lane: "outage", ...place, startNs: atNs, endNs: atNs + recoveryNs };
}
