import { z } from "zod";
import { text, whole } from "./quantity.ts";

/** Version of the document that every command prints and every file holds. */
export const DOCUMENT_SCHEMA = "afdbench/1";

/** What ran, on what, when: stands on every document. */
export const environmentSchema = z.strictObject({
  afdbenchVersion: text("Version of the package that made the document."),
  date: z.iso.datetime().meta({ description: "When the run started, UTC." }),
  cpu: text("Name of the processor, as the operating system gives it."),
  cores: whole("Logical processors this process may use."),
  architecture: text("Processor architecture, as Node names it."),
  platform: text("Operating system and its release."),
  memoryBytes: z.number().min(0).meta({ description: "Memory of this machine.", unit: "byte" }),
  l1Bytes: z.number().min(0).optional().meta({ description: "First-level data cache of a core.", unit: "byte" }),
  l2Bytes: z.number().min(0).optional().meta({ description: "Second-level cache.", unit: "byte" }),
  l3Bytes: z.number().min(0).optional().meta({ description: "Last-level cache.", unit: "byte" }),
  node: text("Version of Node."),
  v8: text("Version of V8."),
  flags: z.array(z.string()).meta({ description: "Flags given to Node, on the command line and in NODE_OPTIONS." }),
  target: text("WASM target that the kernels ran on: simd, relaxed or debug.").optional(),
  relaxedSimd: z.boolean().optional().meta({ description: "Whether this engine has relaxed SIMD." }),
});

export type Environment = z.infer<typeof environmentSchema>;

/** Schema of a command's document, given the schema of its rows. */
export function documentSchema<Command extends string, Row extends z.ZodType>(command: Command, row: Row) {
  return z.strictObject({
    schema: z.literal(DOCUMENT_SCHEMA),
    command: z.literal(command),
    environment: environmentSchema,
    rows: z.array(row),
    notes: z.array(z.string()).meta({ description: "Sentences that the numbers should not be read without." }),
  });
}

/** The one shape of what a command prints: `rows` are flat objects. */
export interface Document<Command extends string = string, Row extends object = object> {
  schema: typeof DOCUMENT_SCHEMA;
  command: Command;
  environment: Environment;
  rows: Row[];
  notes: string[];
}
