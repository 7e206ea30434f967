// Type tests: checked by `npm run typecheck` against the built package, never run.
import { expectTypeOf } from 'expect-type'
import type * as cjs from 'wasiexec' with { 'resolution-mode': 'require' }
import * as esm from 'wasiexec'
import { load, loadSync, orThrow, run } from 'wasiexec'
import type { Exit, Limits, LoadOptions, Outcome, Program, RunOptions } from 'wasiexec'

// A class is one type to ESM and CommonJS callers.
expectTypeOf<cjs.Program>().toEqualTypeOf<esm.Program>()
expectTypeOf<cjs.Outcome>().toEqualTypeOf<esm.Outcome>()

expectTypeOf(load).parameter(0).toEqualTypeOf<string | URL | Uint8Array>()
expectTypeOf(load).parameter(1).toEqualTypeOf<LoadOptions | undefined>()
expectTypeOf(load).returns.resolves.toEqualTypeOf<Program>()
expectTypeOf(loadSync).returns.toEqualTypeOf<Program>()
expectTypeOf(run).returns.resolves.toEqualTypeOf<Outcome>()

// A run answers with a plain value whose `kind` leads to everything else.
export async function describe(program: Program, options: RunOptions): Promise<string> {
  const outcome = await program.run(options)
  expectTypeOf(outcome).toEqualTypeOf<Outcome>()
  expectTypeOf(outcome.ok).toEqualTypeOf<boolean>()
  expectTypeOf(outcome.stdout).toEqualTypeOf<Buffer>()
  switch (outcome.kind) {
    case 'exit':
      expectTypeOf(outcome.code).toEqualTypeOf<number>()
      return 'exit'
    case 'trap':
      expectTypeOf(outcome.trap.message).toEqualTypeOf<string>()
      return outcome.trap.code
    case 'limit':
      expectTypeOf(outcome.limit).toEqualTypeOf<'timeout' | 'cpu' | 'fuel' | 'memory' | 'output'>()
      return outcome.limit
    case 'abort':
      expectTypeOf(outcome.reason).toEqualTypeOf<unknown>()
      return 'abort'
    default:
      return outcome satisfies never
  }
}

// `using` closes a program.
export async function scoped(): Promise<void> {
  using program = await load('hello.wasm')
  expectTypeOf(program).toEqualTypeOf<Program>()
  expectTypeOf(program.name).toEqualTypeOf<string>()
  expectTypeOf(program.kind).toEqualTypeOf<'module' | 'component'>()
  expectTypeOf(program.wasi).toEqualTypeOf<'p0' | 'p1' | 'p2' | 'p3' | 'none'>()
  expectTypeOf(program.runSync()).toEqualTypeOf<Outcome>()
}

// `orThrow` leaves exit code 0 alone.
export function unwrap(outcome: Outcome): void {
  expectTypeOf(orThrow(outcome)).toEqualTypeOf<Exit & { code: 0 }>()
}

// Units stand in the names; every option may be left out.
expectTypeOf({}).toExtend<RunOptions>()
expectTypeOf<Required<Limits>>().toHaveProperty('timeoutMs')
expectTypeOf<Required<Limits>>().toHaveProperty('memoryBytes')

// @ts-expect-error: a program is loaded, not constructed
void new esm.Program()
// @ts-expect-error: not one of the words for stdout
void run('hello.wasm', { stdout: 'discard' })
// @ts-expect-error: an outcome is read, not written
export const forge = (outcome: Exit): void => void (outcome.code = 0)
