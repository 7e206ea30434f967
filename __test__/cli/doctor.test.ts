// `wasiexec doctor`: what it makes of systems, and what it says of this one.
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { findings, type Finding } from '../../cli/doctor/findings.ts'
import { askSystem, faultOfCache, type System } from '../../cli/doctor/system.ts'
import type { Trials } from '../../cli/doctor/trials.ts'
import { Runtime } from '../support/package.ts'
import { call } from '../support/cli.ts'
import { folder } from '../support/guest.ts'

const GOOD: System = {
  platform: 'linux-x64 (glibc 2.36)',
  kernel: '6.1.0',
  binary: '/node_modules/wasiexec.node',
  cores: 8,
  quota: undefined,
  memory: undefined,
  addressSpace: undefined,
  processes: 10_000,
  files: 20_000,
  maps: 65_530,
  isStrict: false,
  isFiltered: false,
}

async function trials(): Promise<Trials> {
  await using runtime = new Runtime({ threads: 8, cacheDir: '/cache' })
  return { stats: runtime.stats(), firstMs: 5, runUs: 6, lateMs: 0.1, workersFault: undefined }
}

function bad(found: readonly Finding[]): string[] {
  return found.filter(({ level }) => level !== 'ok').map(({ level, topic }) => `${level} ${topic}`)
}

test('nothing is wrong with a good system', async (t) => {
  const tried = await trials()
  t.deepEqual(bad(findings(GOOD, tried, undefined)), [])
  // As where the system says nothing of itself.
  const silent = { ...GOOD, processes: undefined, files: undefined, maps: undefined }
  t.deepEqual(bad(findings(silent, tried, undefined)), [])
})

test('each thing that is wrong is found alone, with what to do', async (t) => {
  const tried = await trials()
  const compact = { ...tried, stats: { ...tried.stats, allocation: 'compact' as const } }
  const cases: [expected: string, system: Partial<System>, tried: Trials, fault?: string][] = [
    ['slow cores', { quota: 1.5 }, tried],
    ['slow memory', { memory: 128 * 1024 * 1024 }, tried],
    ['slow address space', { addressSpace: 2 ** 32 }, compact],
    ['slow address space', { isStrict: true }, compact],
    ['slow memory maps', { maps: 5000 }, tried],
    ['slow open files', { files: 256 }, tried],
    ['slow processes', { processes: 20 }, tried],
    ['slow limits', {}, { ...tried, lateMs: 300 }],
    ['slow cache', {}, tried, 'this user cannot write to it'],
    ['slow cache', {}, { ...tried, stats: { ...tried.stats, cacheDir: null } }],
    ['bad worker processes', {}, { ...tried, workersFault: 'no sockets' }],
  ]
  for (const [expected, system, tried, fault] of cases) {
    const found = findings({ ...GOOD, ...system }, tried, fault)
    t.deepEqual(bad(found), [expected])
    const [{ text }] = found.filter(({ level }) => level !== 'ok') as [Finding]
    t.regex(text, /: |because|give/, expected)
  }
  t.true(findings({ ...GOOD, isFiltered: true }, tried, undefined).some(isFilter))
})

const isFilter = ({ topic }: Finding): boolean => topic === 'system calls'

test('what is wrong with a folder for code', async (t) => {
  const path = await folder(t)
  t.is(faultOfCache(path), undefined)
  t.is(faultOfCache(join(path, 'later', 'too')), undefined)
  const file = join(path, 'file')
  await writeFile(file, '')
  t.is(faultOfCache(file), 'it is not a folder')
  t.truthy(faultOfCache(join(file, 'below')))
  if (process.platform === 'win32') return
  const open = join(path, 'open')
  await mkdir(open)
  await chmod(open, 0o777)
  t.regex(faultOfCache(open)!, /chmod 700/)
})

test('this system is asked', (t) => {
  const system = askSystem()
  t.true(system.platform.startsWith(`${process.platform}-${process.arch}`))
  t.true(system.cores >= 1)
  t.regex(system.binary ?? '', /wasiexec.*\.node$/)
  if (process.platform === 'linux') t.true(system.files! > 0 && system.maps! > 0)
})

test('it prints findings as lines and as JSON', async (t) => {
  const lines = await call(['doctor'])
  t.is(lines.stderr, '')
  t.regex(lines.stdout, /^wasiexec \d+\.\d+\.\d+ on .*, kernel .*, Node \d/)
  t.regex(lines.stdout, /^(?:ok|SLOW) +programs +the first ran after .* each run takes .* µs$/m)
  const json = await call(['doctor', '--json'])
  const { findings: found } = JSON.parse(json.stdout) as { findings: Finding[] }
  t.is(json.status, found.some(({ level }) => level === 'bad') ? 125 : 0)
  t.true(found.length > 6)
})
