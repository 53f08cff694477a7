import { closeSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { checkWritable } from "../record/files.ts";
import type { Slice } from "../record/slice.ts";
import { InfeasibleError } from "../units/errors.ts";
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
  checkWritable(path);
  const draft = `${path}.${process.pid}.tmp`;
  const file = guarded(path, () => openSync(draft, "w"));
  let buffer = "";
  let open = true;
  const flush = () => {
    guarded(path, () => writeSync(file, buffer));
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
      guarded(path, () => {
        closeSync(file);
        renameSync(draft, path);
      });
      open = false;
    },
    discard() {
      if (!open) return;
      closeSync(file);
      rmSync(draft, { force: true });
      open = false;
    },
  };
}

function guarded<Result>(path: string, write: () => Result): Result {
  try {
    return write();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InfeasibleError(`cannot write ${JSON.stringify(path)}: ${reason}`);
  }
}
