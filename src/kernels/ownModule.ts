/** What a module that somebody else built exports and wants. */
export interface ModuleOutline {
  /** Names of its exported functions. */
  readonly functions: readonly string[];
  /** Imports that only its maker could give: globals and tables. */
  readonly foreign: readonly string[];
}

/** Its outline, or what is wrong with the bytes. */
export function outlineOf(wasm: Uint8Array<ArrayBuffer>): ModuleOutline | { readonly fault: string } {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(wasm);
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  return {
    functions: WebAssembly.Module.exports(module)
      .filter(({ kind }) => kind === "function")
      .map(({ name }) => name),
    foreign: WebAssembly.Module.imports(module)
      .filter(({ kind }) => kind !== "function" && kind !== "memory")
      .map(({ module: from, name, kind }) => `${kind} ${from}.${name}`),
  };
}

/** Limits of a memory that a module imports, in pages of 64 KiB. */
export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  readonly initial: number;
  readonly maximum: number | undefined;
  readonly shared: boolean;
}

/**
 * Instantiates a module with the memories that it imports; a function that it imports stops the run when it is called.
 *
 * @throws where the engine refuses the module, or its start function traps.
 */
export function instantiateOwn(
  wasm: Uint8Array<ArrayBuffer>,
  memory: MemoryImport | undefined,
  given: readonly { readonly module: string; readonly name: string; readonly memory: WebAssembly.Memory }[],
): Readonly<Record<string, unknown>> {
  const module = new WebAssembly.Module(wasm);
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {};
  const put = (from: string, name: string, value: WebAssembly.ImportValue): void => {
    imports[from] = { ...imports[from], [name]: value };
  };
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    if (kind !== "function") continue;
    put(from, name, () => {
      throw new Error(`it called ${from}.${name}, which it imports and afdbench does not have`);
    });
  }
  if (memory !== undefined) {
    const { initial, maximum, shared } = memory;
    const limits = { initial, ...(maximum === undefined ? {} : { maximum }), shared };
    put(memory.module, memory.name, new WebAssembly.Memory(limits));
  }
  for (const each of given) put(each.module, each.name, each.memory);
  return new WebAssembly.Instance(module, imports).exports;
}
