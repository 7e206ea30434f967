import type { WasiexecErrorCode } from './errors.ts'

/** An import or export of a program. */
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

/** An import in detail. */
export interface InspectedImport extends InspectedExport {
  /** Whether it is there for programs to import. */
  readonly provided: boolean
}

/** An export in detail. */
export interface InspectedExport extends ExternInfo {
  /** Its type for people to read, such as `(i32, i32) -> i32`; cut when it is very long. */
  readonly type: string
}

/** What can be told of a program without running it. */
export interface Inspection {
  /** Size of the binary. */
  readonly wasmBytes: number
  /** Whether it has an entry point (command), is initialised before its exports are called (reactor), or neither. */
  readonly entry: 'command' | 'reactor' | 'none'
  /** Whether it was compiled to be stopped while it computes. */
  readonly interruptible: boolean
  /** What it needs. */
  readonly imports: readonly InspectedImport[]
  /** What it offers. */
  readonly exports: readonly InspectedExport[]
  /** Its memories; those of a component's modules. */
  readonly memories: readonly MemoryInfo[]
  /** Languages, tools and SDKs that it was made with, as its `producers` sections say. */
  readonly producers: Readonly<
    Partial<Record<'language' | 'processed-by' | 'sdk', readonly Producer[]>>
  >
  /** What each run of it rejects with, if it cannot be run. */
  readonly problem: { readonly code: WasiexecErrorCode; readonly message: string } | null
}

/** A linear memory. */
export interface MemoryInfo {
  /** Pages at the start. */
  readonly minimumPages: number
  /** Pages that it never exceeds. */
  readonly maximumPages: number | null
  /** Size of a page; 65,536 nearly always. */
  readonly pageBytes: number
  /** Whether its addresses have 64 bits. */
  readonly is64: boolean
  /** Whether threads share it. */
  readonly shared: boolean
  readonly imported: boolean
}

/** A tool or language that took part in making a program. */
export interface Producer {
  readonly name: string
  /** As the tool says; may be empty. */
  readonly version: string
}
