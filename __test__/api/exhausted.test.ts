// Run once more with each compiler.
import { readFile } from 'node:fs/promises'
import test from 'ava'
import { node } from '../support/child.ts'

/** Runs a command with a lower limit of this kind. */
const under = (limit: string): string[] => ['sh', '-c', `ulimit ${limit}; exec "$0" "$@"`]

if (process.platform === 'linux') {
  test('a host without memory for a guest that has begun is an error, and the next run ends', async (t) => {
    const child = await node(
      `const program = await ownWat('component-needs-memory-late')
       const stdout = new Sink()
       const error = await program.run({ stdout }).catch((error) => error)
       console.log(error instanceof WasiexecError, error.code, error.message)
       console.log(JSON.stringify(stdout.text), ending(await (await wat('hello')).run()))`,
      { under: under('-d 2000000') },
    )
    const lines = child.stdout.split('\n')
    t.regex(
      lines[0]!,
      /^true ERR_OUT_OF_RESOURCES the host has no memory for the run: /,
      child.stderr,
    )
    t.is(lines[1], '"before\\n" exit 0')
  })
}

if (process.platform !== 'win32') {
  /** The error code, one more than in the enumeration of the interface, and what else cannot be had. */
  const COMPONENTS = {
    p2: { code: 23, after: '(call $exit (call $listed))' },
    p3: { code: 22, after: '(call $exit (call $failed))' },
  }

  test('a process without descriptors is an errno to its guests', async (t) => {
    const child = await node(
      `const { tmpdir } = await import('node:os')
       const { mkdtemp, rm, writeFile } = await import('node:fs/promises')
       const path = await mkdtemp(tmpdir() + '/wasiexec-')
       await writeFile(path + '/a', '')
       const program = await wat('many-fds')
       const outcome = await program.run({ preopens: { '/': path } })
       console.log(ending(outcome), Number(outcome.stdout) < 100)
       await rm(path, { recursive: true })`,
      { under: under('-n 80') },
    )
    t.like(child, { code: 0, stdout: 'exit 33 true\n' }, child.stderr)
  })

  for (const preview of ['p2', 'p3'] as const) {
    const { code, after } = COMPONENTS[preview]
    test(`a process without descriptors is an error code to guests of ${preview}`, async (t) => {
      const folder = new URL('../../crate/tests/core/directories/', import.meta.url)
      const template = await readFile(new URL(`${preview}.wat`, folder), 'utf8')
      const body = `
        (loop $more
          (if (i32.eqz (call $opened))
            (then (local.set $count (i32.add (local.get $count) (i32.const 1))) (br $more))))
        (if (i32.gt_u (local.get $count) (i32.const 100)) (then (call $exit (i32.const 100))))
        (if (i32.ne (call $failed) (i32.const ${code})) (then (call $exit (i32.const 101))))
        ${after}
        unreachable`
      const source = template
        .replaceAll('$DELETE', '0')
        .replaceAll('$SIZE', '1')
        .replace('$BODY', () => body)
      const child = await node(
        `const program = await load(Buffer.from(${JSON.stringify(source)}), { cache: false })
         console.log(ending(await program.run({ preopens: { '/': '/' } })))`,
        { under: under('-n 80') },
      )
      t.like(child, { code: 0, stdout: `exit ${code}\n` }, child.stderr)
    })
  }
} else {
  test.skip('what a process is out of: Windows has no limits to set for it', () => {})
}
