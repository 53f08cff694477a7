import type { Command } from "commander";
import { requireKnown } from "./output.ts";

/**
 * Refuses words that a command with subcommands was given and that are none of these.
 *
 * @throws InvalidInputError with the nearest subcommand.
 */
export function refuseOperands(command: Command, subcommands: readonly string[]): void {
  const [first] = command.args;
  if (first !== undefined) requireKnown(`${command.name()} subcommand`, first, subcommands);
}
