import type { ProgressEvent } from "../runs/settings.ts";
import type { Terminal } from "./terminal.ts";

const CLEAR_LINE = "\r\x1b[2K";

/** Shows how far a run is, on stderr; only ever drawn when an event comes, so that no timer disturbs a measurement. */
export interface Progress {
  show(event: ProgressEvent): void;
  /** Takes the line away, before anything else is printed. */
  clear(): void;
}

/** One line drawn anew on a terminal, else a plain line for each event; nothing where the run is to be quiet. */
export function startProgress(terminal: Terminal, { quiet }: { readonly quiet?: boolean }): Progress {
  if (quiet === true) return { show() {}, clear() {} };
  if (!terminal.errIsTerminal) {
    return { show: (event) => terminal.err(`${lineOf(event)}\n`), clear() {} };
  }
  const width = terminal.columns ?? 80;
  let shown = false;
  return {
    show(event) {
      shown = true;
      terminal.err(CLEAR_LINE + lineOf(event).slice(0, width - 1));
    },
    clear() {
      if (shown) terminal.err(CLEAR_LINE);
      shown = false;
    },
  };
}

function lineOf({ done, total, text }: ProgressEvent): string {
  const width = String(total).length;
  return `[${String(done).padStart(width)}/${total}] ${text}`;
}
