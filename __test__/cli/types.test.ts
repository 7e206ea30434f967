// wasiexec types: TypeScript declarations on stdout or in a file.
import { readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test from 'ava'
import { call } from '../support/cli.ts'
import { folder, wat, watPath } from '../support/guest.ts'

test('types writes what program.types returns', async (t) => {
  const path = join(await folder(t), 'calc.d.ts')
  const declared = await (await wat('calc-component')).types()
  const printed = await call(['types', watPath('calc-component')])
  t.deepEqual([printed.status, printed.stdout, printed.stderr], [0, declared, ''])
  const written = await call(['types', watPath('calc-component'), '-o', path])
  t.deepEqual([written.status, written.stdout], [0, ''])
  t.regex(written.stderr, /^wasiexec: wrote \S*calc\.d\.ts\n$/)
  t.is(await readFile(path, 'utf8'), declared)
  const again = await call(['types', watPath('exports'), '-o', path])
  t.is(again.status, 125)
  t.regex(again.stderr, /calc\.d\.ts exists; --force replaces it/)
  const forced = await call(['types', watPath('exports'), '-o', path, '--force', '--quiet'])
  t.deepEqual([forced.status, forced.stderr], [0, ''])
  t.is(await readFile(path, 'utf8'), await (await wat('exports')).types())
})

test('types says of a file that cannot be written what the file is called', async (t) => {
  const path = join(await folder(t), 'missing', 'calc.d.ts')
  for (const force of [[], ['--force']]) {
    const { status, stderr } = await call(['types', watPath('exports'), '-o', path, ...force])
    t.is(status, 125)
    t.is(
      stderr,
      `wasiexec: cannot write ${path}: ENOENT: no such file or directory, open '${path}'\n`,
    )
  }
})

test('types says which module TypeScript would read in place of the declarations', async (t) => {
  for (const [output, module, other] of [
    ['calc.d.ts', 'calc.ts', 'calc.wasm.d.ts'],
    ['calc.d.ts', 'calc.tsx', 'calc.wasm.d.ts'],
    ['calc.d.ts', 'calc.mts', undefined],
    ['calc.wasm.d.ts', 'calc.ts', undefined],
    ['calc.ts', 'calc.tsx', undefined],
    ['d.ts', 'ts', undefined],
  ] as const) {
    const path = await folder(t)
    await writeFile(join(path, module), 'export {}')
    const { status, stderr } = await call(['types', watPath('exports'), '-o', join(path, output)])
    t.is(status, 0)
    const [, ...advice] = stderr.trimEnd().split('\n')
    const names = advice.map((line) => line.match(/\S+\.tsx?/g)?.map((name) => basename(name)))
    t.deepEqual(names, other === undefined ? [] : [[module, other]], `${output}, ${module}`)
  }
})
