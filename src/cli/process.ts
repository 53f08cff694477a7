import { writeFault } from "../record/files.ts";
import { internalErrorLine, main } from "./main.ts";
import type { Terminal } from "./terminal.ts";

/** Runs the command line on this process: its arguments, streams, signals and exit code. */
export async function runProcess(): Promise<void> {
  for (const event of ["uncaughtException", "unhandledRejection"] as const) {
    process.on(event, (error: unknown) => {
      process.stderr.write(internalErrorLine(error, isDebugging()));
      process.exit(1);
    });
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      // A reader that has seen enough (`| head`) ends the program without a word.
      if (error.code === "EPIPE") process.exit(process.exitCode ?? 0);
      if (stream === process.stdout) process.stderr.write(`afdbench: cannot write its output: ${writeFault(error)}\n`);
      process.exit(3);
    });
  }
  process.exitCode = await main(process.argv.slice(2), processTerminal());
}

function processTerminal(): Terminal {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    columns: process.stdout.columns,
    // https://no-color.org: any value that is not empty.
    noColor: (process.env["NO_COLOR"] ?? "") !== "",
    debug: isDebugging(),
    onInterrupt(listener) {
      process.on("SIGINT", listener);
      return () => void process.off("SIGINT", listener);
    },
    exitNow: (code) => process.exit(code),
  };
}

function isDebugging(): boolean {
  return (process.env["AFDBENCH_DEBUG"] ?? "") !== "";
}
