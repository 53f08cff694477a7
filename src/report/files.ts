import { openText } from "../record/files.ts";
import type { Slice } from "../record/slice.ts";
import { type TraceInstances, traceWriter } from "./trace.ts";

/** A trace that is written piece by piece, so that it may be larger than memory. */
export interface TraceFile {
  add(slice: Slice): void;
  /** Ends the file and puts it in its place. */
  close(): void;
  /** Leaves nothing behind. */
  discard(): void;
}

const BUFFERED_CHARACTERS = 1 << 16;

/**
 * Opens a trace file; until it is closed, what is written lies beside it.
 * @throws InfeasibleError naming the path and why it cannot be written
 */
export function openTrace(path: string, instances: TraceInstances): TraceFile {
  const file = openText(path);
  let buffer = "";
  const flush = () => {
    file.write(buffer);
    buffer = "";
  };
  const writer = traceWriter(instances, (text) => {
    buffer += text;
    if (buffer.length >= BUFFERED_CHARACTERS) flush();
  });
  return {
    add: writer.add,
    close() {
      writer.end();
      flush();
      file.close();
    },
    discard: file.discard,
  };
}
