import type { Command } from "commander";
import { requireKnown } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

const HELP = `
Every number's unit and kind (measured, modeled, published) stand beside its description.

Examples:
  $ afdbench schema bench
  $ afdbench schema accelerator   what a file of --hardware holds
`;

/** `afdbench schema`: the JSON Schema of what a command prints. */
export function addSchema(program: Command, { terminal }: CommandContext): void {
  program
    .command("schema")
    .description("print the JSON Schema of what a command prints, or of a file it reads")
    .argument(
      "<command>",
      "bench, models, hardware, cost, codesign, paper, env, or accelerator for a file of --hardware",
    )
    .addHelpText("after", HELP)
    .action(async (name: string) => {
      const { jsonSchemaOf, RECORDED_COMMANDS } = await import("../../record/schemas.ts");
      const known = requireKnown("command", name, [...RECORDED_COMMANDS, ...FILES]);
      const schema = known === "accelerator" ? await acceleratorSchema() : jsonSchemaOf(known);
      terminal.out(`${JSON.stringify(schema, null, 2)}\n`);
    });
}

/** Files that users write. */
const FILES = ["accelerator"] as const;

async function acceleratorSchema(): Promise<Record<string, unknown>> {
  const { acceleratorFileSchema } = await import("../../runs/hardware.ts");
  return acceleratorFileSchema();
}
