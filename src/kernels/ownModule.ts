/** What a module that somebody else built exports and wants. */
export interface ModuleOutline {
  /** Names of its exported functions. */
  readonly functions: readonly string[];
  /** Imports that only its maker could give: globals and tables. */
  readonly foreign: readonly string[];
  /** Memories, its own and imported. */
  readonly memories: number;
}

/** Its outline, or what is wrong with the bytes. */
export function outlineOf(wasm: Uint8Array<ArrayBuffer>): ModuleOutline | { readonly fault: string } {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(wasm);
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  const imports = WebAssembly.Module.imports(module);
  return {
    functions: WebAssembly.Module.exports(module)
      .filter(({ kind }) => kind === "function")
      .map(({ name }) => name),
    foreign: imports
      .filter(({ kind }) => kind !== "function" && kind !== "memory")
      .map(({ module: from, name, kind }) => `${kind} ${from}.${name}`),
    memories: imports.filter(({ kind }) => kind === "memory").length + definedMemories(wasm),
  };
}

const memorySection = 5;

/** The number at the head of a valid module's memory section; the engine does not tell it. */
function definedMemories(wasm: Uint8Array): number {
  // Behind magic number and version: sections of a byte that names them, their size, and as many bytes.
  for (let at = 8; at < wasm.length; ) {
    const id = wasm[at];
    const size = leb128(wasm, at + 1);
    if (id === memorySection) return leb128(wasm, size.end).value;
    at = size.end + size.value;
  }
  return 0;
}

/** An unsigned number of up to 32 bits, seven in each byte, lowest first. @source WebAssembly specification, section 5.2.2 */
function leb128(bytes: Uint8Array, begin: number): { readonly value: number; readonly end: number } {
  let value = 0;
  for (let at = begin; ; at++) {
    const byte = bytes[at] ?? 0;
    value += (byte & 127) * 2 ** (7 * (at - begin));
    if (byte < 128) return { value, end: at + 1 };
  }
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
