/** A kind of file that people write for afdbench. */
export interface FileSchema {
  /** As `afdbench schema` knows it. */
  readonly name: string;
  readonly describes: string;
  /** JSON Schema (draft 2020-12). */
  jsonSchema(): Promise<Record<string, unknown>>;
}

/** The kinds of files that people write. */
export const FILE_SCHEMAS: readonly FileSchema[] = [
  {
    name: "model",
    describes: "a model card that you write, for --config",
    jsonSchema: async () => (await import("../model/cardSchema.ts")).cardJsonSchema(),
  },
  {
    name: "accelerator",
    describes: "a file of accelerators that you write, for --hardware",
    jsonSchema: async () => (await import("./hardware.ts")).acceleratorFileSchema(),
  },
];
