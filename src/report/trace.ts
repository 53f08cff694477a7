import type { Slice } from "../record/slice.ts";

/** How many instances a trace has on each side. */
export interface TraceInstances {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
}

/** Lanes of an instance, in the order in which a viewer shows them. */
const LANES = ["compute", "sending", "receiving", "outage"] as const satisfies readonly Slice["lane"][];

/**
 * Writes slices as a trace in Chrome's JSON format, which Perfetto reads too: a process an instance, a thread a lane, a
 * complete event (`X`) a slice, in microseconds, and flows (`s`, `f`) from the work that a message left to the work that
 * waited for it: each instance of the larger side has one.
 * @param write takes the text in pieces
 */
export function traceWriter(
  instances: TraceInstances,
  write: (text: string) => void,
): { add(slice: Slice): void; end(): void } {
  const named = new Set<string>();
  let first = true;
  const event = (fields: Readonly<Record<string, unknown>>) => {
    write(`${first ? '{"displayTimeUnit":"ns","traceEvents":[\n' : ",\n"}${JSON.stringify(fields)}`);
    first = false;
  };
  const name = (slice: Slice, pid: number, tid: number) => {
    const key = `${pid} ${tid}`;
    if (named.has(key)) return;
    if (!named.has(String(pid))) {
      named.add(String(pid));
      event({ ph: "M", name: "process_name", pid, args: { name: instanceName(slice) } });
      event({ ph: "M", name: "process_sort_index", pid, args: { sort_index: pid } });
    }
    named.add(key);
    event({ ph: "M", name: "thread_name", pid, tid, args: { name: slice.lane } });
  };
  return {
    add(slice) {
      const { side, instance, lane, microBatch, step, layer, startNs, endNs } = slice;
      const pid = 1 + instance + (side === "attention" ? 0 : instances.attentionInstances);
      const tid = 1 + LANES.indexOf(lane);
      name(slice, pid, tid);
      const place = { pid, tid, cat: lane };
      if (lane === "outage") {
        event({ ph: "X", name: "outage", ...place, ts: startNs / 1000, dur: (endNs - startNs) / 1000 });
        return;
      }
      event({
        ph: "X",
        name: `layer ${layer}, micro-batch ${microBatch}`,
        ...place,
        ts: startNs / 1000,
        dur: (endNs - startNs) / 1000,
        args: { step, layer, microBatch },
      });
      if (lane !== "compute") return;
      for (const { ph, id } of flowsOf(slice, instances)) {
        const ts = (ph === "s" ? lastMoment(slice) : startNs) / 1000;
        event({ ph, id, name: "message", pid, tid, cat: "message", ts, ...(ph === "f" ? { bp: "e" } : {}) });
      }
    },
    end() {
      write(first ? '{"displayTimeUnit":"ns","traceEvents":[]}\n' : "\n]}\n");
    },
  };
}

function instanceName({ side, instance }: Slice): string {
  return `${side === "attention" ? "attention" : "FFN"} ${instance}`;
}

/** Messages that end and begin with a piece of work. */
function flowsOf(slice: Slice, instances: TraceInstances): { readonly ph: "s" | "f"; readonly id: string }[] {
  const { side, instance, microBatch, step, layer } = slice;
  const ownSide = side === "attention" ? instances.attentionInstances : instances.ffnInstances;
  const count = Math.max(instances.attentionInstances, instances.ffnInstances);
  const [comes, goes] = side === "attention" ? [`${layer - 1} F2A`, `${layer} A2F`] : [`${layer} A2F`, `${layer} F2A`];
  const flows: { ph: "s" | "f"; id: string }[] = [];
  for (let flow = instance; flow < count; flow += ownSide) {
    const id = (message: string) => `${microBatch} ${step} ${message} ${flow}`;
    if (side === "ffn" || layer > 0) flows.push({ ph: "f", id: id(comes) });
    flows.push({ ph: "s", id: id(goes) });
  }
  return flows;
}

/** A flow belongs to the slice that lies around its time: just before the end. */
function lastMoment({ startNs, endNs }: Slice): number {
  return Math.max(startNs, endNs - 1);
}
