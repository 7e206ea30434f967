// The flags of limits: every verb that runs programs has those that can hold for them.
import test from 'ava'
import { Command } from 'commander'
import { LIMIT_FLAGS, limitFlags, limitsOf, type LimitKind } from '../../cli/limit-flags.ts'
import type { Verb } from '../../cli/verb.ts'
import { withOptionNames } from '../../cli/wording.ts'
import { LIMITS } from '../../src/option-names.ts'
import { call, fakeIo } from '../support/cli.ts'
import { watPath } from '../support/guest.ts'

/** The verbs that run programs, with the kinds of limits that can hold for these. */
const VERBS: Readonly<Record<string, readonly LimitKind[]>> = {
  run: ['run', 'files', 'network'],
  batch: ['run', 'files', 'network'],
  repl: ['run', 'files', 'network'],
  serve: ['run', 'network', 'bodies'],
  snapshot: ['run'],
}
const OTHERS = ['inspect', 'types', 'compile', 'doctor', 'completions', 'man', 'worker']

/** A value of each kind, and what it means. */
const VALUES = {
  duration: ['3s', 3000],
  size: ['2KiB', 2048],
  whole: ['7', 7],
  uint64: ['18446744073709551615', 2n ** 64n - 1n],
} as const

test('every limit of the library has a flag', (t) => {
  const numbers = LIMITS.filter((name) => name !== 'onMemory' && name !== 'onOutput')
  t.deepEqual(Object.keys(LIMIT_FLAGS).toSorted(), numbers.toSorted())
})

test('every verb is one that runs programs, or is not', async (t) => {
  const { stdout } = await call(['--help'])
  const verbs = [...stdout.split('Verbs:')[1]!.matchAll(/^ {2}(\w+) /gm)].map(([, name]) => name!)
  const known = [...Object.keys(VERBS), ...OTHERS, 'help']
  t.deepEqual(verbs.toSorted(), known.toSorted())
})

for (const [name, kinds] of Object.entries(VERBS)) {
  test(`wasiexec ${name} has the limits of ${kinds.join(', ')}`, async (t) => {
    const { verb } = (await import(`../../cli/${name}.ts`)) as { verb: Verb }
    const parsed = (words: readonly string[]): object => {
      const command = new Command(name).exitOverride().configureOutput({ writeErr: () => {} })
      verb.describe(command, fakeIo())
      command.action(() => {})
      command.parse([...words, 'prog.wasm', ...(name === 'batch' ? ['jobs'] : [])], {
        from: 'user',
      })
      return command.opts()
    }
    for (const { limit, name: flag, value, of } of limitFlags(
      'run',
      'files',
      'network',
      'bodies',
    )) {
      const [text, meaning] = VALUES[value]
      if (!kinds.includes(of)) {
        t.throws(() => parsed([`--${flag}`, text]), { message: /unknown option/ }, flag)
        continue
      }
      t.deepEqual(limitsOf(parsed([`--${flag}`, text])), { [limit]: meaning }, flag)
      t.throws(() => parsed([`--${flag}`, '-x']), { message: /Expected/ }, flag)
    }
    t.deepEqual(limitsOf(parsed([])), {})
  })
}

test('messages of the library name the flags', (t) => {
  for (const { limit, name } of limitFlags('run', 'files', 'network', 'bodies'))
    t.is(withOptionNames(`\`limits.${limit}\` must be`), `--${name} must be`)
})

test('what the library refuses is refused with the flag', async (t) => {
  const { status, stderr } = await call(['run', '--max-sockets', '513', watPath('hello')])
  t.is(status, 125)
  t.regex(stderr, /^wasiexec: --max-sockets must be .*got 513\n$/)
})
