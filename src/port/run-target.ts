import type { WasiexecError } from '../errors.ts'
import type { ProgramImports } from '../imports.ts'

/** What a run or call belongs to while it goes on: a program, a program in a batch, or an instance. */
export interface RunTarget {
  readonly handle: number
  /** Why its runs are aborted: undefined while they are not, otherwise any value. */
  readonly closeReason: unknown
  readonly imports: ProgramImports
}

/** A program, for its runs. */
export interface RunOwner extends RunTarget {
  readonly closeReason: WasiexecError | undefined
}
