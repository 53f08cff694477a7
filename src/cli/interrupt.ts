import type { Terminal } from "./terminal.ts";

/** A signal that aborts on the first Ctrl-C; the second ends the process at once. Call `end` when the run is over. */
export function interruptible(terminal: Terminal, onFirst: () => void): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const end = terminal.onInterrupt(() => {
    if (controller.signal.aborted) {
      terminal.exitNow(130);
      return;
    }
    onFirst();
    controller.abort();
  });
  return { signal: controller.signal, end };
}
