import type { Program } from '../../src/index.ts'
import type { Callables } from './callables.ts'
import { ComponentCallables } from './component-callables.ts'
import type { Handles } from './handles.ts'
import { ModuleCallables } from './module-callables.ts'

/** Resources are kept in `handles`; without these, functions that take or return some are refused. */
export async function callablesOf(program: Program, handles?: Handles): Promise<Callables> {
  if (program.kind === 'component') {
    return new ComponentCallables(await program.functions(), handles)
  }
  const { exports } = await program.inspect()
  return new ModuleCallables(exports)
}
