import type { Command } from "commander";

/** The first of some options that the command line gave, and how it is written there; undefined where it gave none. */
export function givenOption<Name extends string>(
  command: Command,
  names: readonly Name[],
): { readonly name: Name; readonly flag: string } | undefined {
  const name = names.find((one) => command.getOptionValueSource(one) === "cli");
  if (name === undefined) return undefined;
  return { name, flag: command.options.find((option) => option.attributeName() === name)?.long ?? name };
}
