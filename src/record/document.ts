import { z } from "zod";
import { amount, text, whole } from "./quantity.ts";

/** Version of the document that every command prints and every file holds. */
export const DOCUMENT_SCHEMA = "afdbench/1";

/** What ran, on what, when: stands on every document. */
export const environmentSchema = z.strictObject({
  afdbenchVersion: text("Version of the package that made the document."),
  date: z.iso.datetime().meta({ description: "When it was read, UTC." }),
  cpuModel: text("Name of the processor, as the operating system gives it."),
  cpuCores: whole("Logical processors that this process may use."),
  architecture: text("Processor architecture, as Node names it."),
  operatingSystem: text("Name and release."),
  totalMemoryBytes: amount("measured", "byte", "Memory of this machine."),
  availableMemoryBytes: amount("measured", "byte", "Memory that this process may still take."),
  l1dBytes: amount("measured", "byte", "First-level data cache of a core."),
  l2Bytes: amount("measured", "byte", "Second-level cache of a core."),
  l3Bytes: amount("measured", "byte", "Third-level cache; absent where there is none.").optional(),
  cachesDetected: z
    .boolean()
    .meta({ description: "False where the system does not tell its caches and sizes are assumed." }),
  loadAverage1m: z.number().min(0).meta({ description: "Mean number of runnable threads over the last minute." }),
  governor: text("How the processor picks its clock; absent where the system does not say.").optional(),
  nodeVersion: text("Version of Node."),
  v8Version: text("Version of V8."),
  nodeFlags: z.array(z.string()).meta({
    description: "Flags given to Node, on the command line, in NODE_OPTIONS or by this program (--revectorize).",
  }),
  target: text("WASM target of the kernels: simd, relaxed or debug; absent where none is at work.").optional(),
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
