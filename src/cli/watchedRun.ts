import type { ProgressEvent } from "../runs/settings.ts";
import { interruptible } from "./interrupt.ts";
import { startProgress } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** What a run hears of the user, and tells. */
export interface Watch {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  onProgress(event: ProgressEvent): void;
  /** Says at once what a reader should know. */
  onNotice(text: string): void;
}

/**
 * Runs something with progress on stderr, which the first Ctrl-C asks to end and the second ends at once.
 * @param ending what happens after the first Ctrl-C, such as `printing what is done`
 */
export async function watchedRun<Outcome>(
  terminal: Terminal,
  options: { readonly quiet?: boolean },
  ending: string,
  run: (watch: Watch) => Promise<Outcome>,
): Promise<Outcome> {
  const progress = startProgress(terminal, options);
  const interrupt = interruptible(terminal, () => {
    progress.clear();
    terminal.err(`afdbench: interrupted: ${ending}; press Ctrl-C again to end at once\n`);
  });
  try {
    return await run({
      signal: interrupt.signal,
      onProgress: (event) => progress.show(event),
      onNotice(text) {
        progress.clear();
        terminal.err(`afdbench: notice: ${text}\n`);
      },
    });
  } finally {
    interrupt.end();
    progress.clear();
  }
}
