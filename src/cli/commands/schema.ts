import type { Command } from "commander";
import type { FileSchema } from "../../runs/fileSchemas.ts";
import { requireKnown } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

const HELP = `
Every number's unit and kind (measured, modeled, published) stand beside its description.

Examples:
  $ afdbench schema              what there is
  $ afdbench schema bench        what \`afdbench bench --json\` prints
  $ afdbench schema model        how a model card is written
  $ afdbench schema accelerator  what a file of --hardware holds
`;

/** `afdbench schema`: the JSON Schema of what a command prints, or of a file that people write. */
export function addSchema(program: Command, { terminal }: CommandContext): void {
  program
    .command("schema")
    .description("print the JSON Schema of what a command prints with --json, or of a file you write")
    .argument("[name]", "a command or a kind of file (default: list them)")
    .addHelpText("after", HELP)
    .action(async (name: string | undefined) => {
      const schemas = await readSchemas();
      if (name === undefined) {
        const width = Math.max(...schemas.map((schema) => schema.name.length));
        terminal.out(schemas.map((schema) => `${schema.name.padEnd(width)}  ${schema.describes}\n`).join(""));
        return;
      }
      const known = requireKnown(
        "schema",
        name,
        schemas.map((schema) => schema.name),
      );
      const found = schemas.find((schema) => schema.name === known);
      terminal.out(`${JSON.stringify(await found?.jsonSchema(), null, 2)}\n`);
    });
}

/** What commands print first, then files that people write. */
async function readSchemas(): Promise<readonly FileSchema[]> {
  const { jsonSchemaOf, RECORDED_COMMANDS } = await import("../../record/schemas.ts");
  const { FILE_SCHEMAS } = await import("../../runs/fileSchemas.ts");
  const recorded = RECORDED_COMMANDS.map((name) => ({
    name,
    describes: `what \`afdbench ${name} --json\` prints`,
    jsonSchema: async () => jsonSchemaOf(name),
  }));
  return [...recorded, ...FILE_SCHEMAS];
}
