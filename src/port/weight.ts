import { native } from './native.ts'

/** What an instance takes besides its memories: a stack, tables, and its part of the lists of the runtime. */
export const INSTANCE_BYTES: number = 256 * 1024
/** What a runtime takes: threads, lists of slots, and descriptors and address space, of which a process has few. */
export const RUNTIME_BYTES: number = 16 * 1024 * 1024

/** More than any heap has: whoever adds so much has the garbage collector look for what it can free, at once. */
const ALL_BYTES = 2 ** 40

/**
 * What a small object keeps outside of the heap. The garbage collector sees small objects alone: without this, it has no
 * reason to look for those that nobody uses any more.
 */
export class Weight {
  #bytes = 0

  set(bytes: number): void {
    if (bytes === this.#bytes) return
    native.adjustMemory(bytes - this.#bytes)
    this.#bytes = bytes
  }

  /** The same, if it is more than before. */
  raise(bytes: number): void {
    if (bytes > this.#bytes) this.set(bytes)
  }
}

/** Has the garbage collector look for objects that nobody uses any more. What these keep is freed soon after. */
export function collectGarbage(): void {
  native.adjustMemory(ALL_BYTES)
  native.adjustMemory(-ALL_BYTES)
}
