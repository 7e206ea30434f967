import type { WasiexecErrorCode } from './errors.ts'

/**
 * An import or export of a program.
 *
 * @example
 * const functions = program.exports.filter(({ kind }) => kind === 'function')
 */
export interface ExternInfo {
  /** The module of a core module's import. */
  readonly module?: string
  readonly name: string
  readonly kind:
    | 'function'
    | 'memory'
    | 'table'
    | 'global'
    | 'tag'
    | 'instance'
    | 'component'
    | 'module'
    | 'type'
    | 'resource'
}

/**
 * An import in detail.
 *
 * @example
 * const missing = (await program.inspect()).imports.filter(({ provided }) => !provided)
 */
export interface InspectedImport extends InspectedExport {
  /** Whether wasiexec provides it. */
  readonly provided: boolean
}

/**
 * An export in detail.
 *
 * @example
 * for (const { name, type } of (await program.inspect()).exports) console.log(name, type)
 */
export interface InspectedExport extends ExternInfo {
  /** Its type as people read it, such as `(i32, i32) -> i32`; cut when it is very long. */
  readonly type: string
}

/**
 * What a program is, needs and offers.
 *
 * @example
 * const { entry, problem } = await program.inspect()
 * if (problem !== null) console.error(problem.message)
 */
export interface Inspection {
  /** Size of the binary. */
  readonly wasmBytes: number
  /** Whether it has an entry point (command), is initialised before its exports are called (reactor), or neither. */
  readonly entry: 'command' | 'reactor' | 'none'
  /** Whether it can be stopped while it computes. */
  readonly interruptible: boolean
  /** Which compiler made the code that a run without a `fuel` limit gets now, and why it is this one. */
  readonly compiler: { readonly tier: 'baseline' | 'optimizing'; readonly reason: string }
  /** What it needs. */
  readonly imports: readonly InspectedImport[]
  /** What it offers. */
  readonly exports: readonly InspectedExport[]
  /** Its memories; of a component, the memories of its modules. */
  readonly memories: readonly MemoryInfo[]
  /**
   * What it uses of WebAssembly beyond its first version, by the names of the proposals: `bulk-memory`, `simd`,
   * `tail-call`, … wasiexec runs all of it: a program that uses anything else is refused when it is loaded.
   */
  readonly features: readonly string[]
  /** The languages, tools and SDKs that its `producers` sections name. */
  readonly producers: Readonly<
    Partial<Record<'language' | 'processed-by' | 'sdk', readonly Producer[]>>
  >
  /** The error that its runs reject with; null for a program that can be run. */
  readonly problem: { readonly code: WasiexecErrorCode; readonly message: string } | null
  /** Whether it exports what handles HTTP requests. */
  readonly handler: boolean
  /** The error that `serve` rejects with without imports; null for a program that can be served. */
  readonly serveProblem: { readonly code: WasiexecErrorCode; readonly message: string } | null
}

/**
 * A linear memory.
 *
 * @example
 * const bytes = ({ minimumPages, pageBytes }: MemoryInfo) => minimumPages * pageBytes
 */
export interface MemoryInfo {
  /** Pages at the start. */
  readonly minimumPages: number
  /** The most pages that it may have; null without such a maximum. */
  readonly maximumPages: number | null
  /** Size of a page: 65,536, with very few exceptions. */
  readonly pageBytes: number
  /** Whether its addresses have 64 bits. */
  readonly is64: boolean
  /** Whether threads share it. */
  readonly shared: boolean
  readonly imported: boolean
}

/**
 * A tool or language that took part in making a program.
 *
 * @example
 * const tools = (await program.inspect()).producers['processed-by'] // [{ name: 'clang', version: '22.1.8' }]
 */
export interface Producer {
  readonly name: string
  /** As the tool wrote it; may be empty. */
  readonly version: string
}
