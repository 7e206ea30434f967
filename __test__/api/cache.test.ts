import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { load, Runtime, type LoadOptions } from '../support/package.ts'
import { node } from '../support/child.ts'
import { ending, folder, watPath } from '../support/guest.ts'

/** Loads and runs in a runtime that knows nothing yet. */
async function fresh(
  options: LoadOptions,
  guest = 'exit-argv',
  cacheDir?: string,
): Promise<string> {
  await using runtime = new Runtime({
    threads: 1,
    maxConcurrentRuns: 4,
    cacheDir: cacheDir ?? false,
  })
  const program = await load(watPath(guest), { ...options, runtime })
  return ending(await program.run({ args: ['42'] }))
}

async function entries(path: string): Promise<string[]> {
  return (await readdir(path).catch(() => [])).toSorted()
}

/** A cache with one entry in it. */
async function filled(t: ExecutionContext): Promise<{ cache: string; entry: string }> {
  const cache = join(await folder(t), 'new', 'cache')
  t.is(await fresh({ cache }), 'exit 42')
  const names = await entries(cache)
  t.is(names.length, 1)
  return { cache, entry: join(cache, names[0]!) }
}

test('an entry is written once and read from then on', async (t) => {
  const { cache, entry } = await filled(t)
  const { ino, mtimeMs } = await stat(entry)
  t.is(await fresh({ cache }), 'exit 42')
  t.like(await stat(entry), { ino, mtimeMs })
  t.is((await entries(cache)).length, 1)
})

test('an entry made from the code of another runtime is the same, and so is what serialize() returns', async (t) => {
  // Nobody else has this program.
  const wat = `(module (func (export "_start") (drop (i32.const ${process.pid}))))`
  const source = new TextEncoder().encode(wat)
  const runtimes: Runtime[] = []
  const made: { entry: Buffer; serialized: Buffer; compilations: number }[] = []
  for (let count = 0; count < 3; count += 1) {
    const cache = await folder(t)
    const runtime = new Runtime({ threads: 1, maxConcurrentRuns: 4, cacheDir: cache })
    runtimes.push(runtime)
    const program = await load(source, { runtime })
    t.is(await ending(await program.run()), 'exit 0')
    const [name] = await entries(cache)
    made.push({
      entry: await readFile(join(cache, name!)),
      serialized: await program.serialize(),
      compilations: runtime.stats().compilations,
    })
    // The one before has its code from the one before it.
    if (count > 0) await runtimes[count - 1]!.close()
  }
  await runtimes[2]!.close()
  t.deepEqual(
    made.map(({ compilations }) => compilations),
    [1, 0, 0],
  )
  for (const { entry, serialized } of made.slice(1)) {
    t.is(entry.length, made[0]!.entry.length)
    t.is(serialized.length, made[0]!.serialized.length)
  }
})

test('code with fuel or without interruption, components and other programs have entries of their own', async (t) => {
  const { cache } = await filled(t)
  await fresh({ cache, fuel: true })
  t.is((await entries(cache)).length, 2)
  await fresh({ cache }, 'component-hello')
  t.is((await entries(cache)).length, 3)
  await fresh({ cache }, 'hello')
  t.is((await entries(cache)).length, 4)
  t.is(await fresh({ cache, fuel: true }), 'exit 42')
  t.is((await entries(cache)).length, 4)
  await fresh({ cache, interruptible: false })
  t.is((await entries(cache)).length, 5)
  t.is(await fresh({ cache, interruptible: false, fuel: true }), 'exit 42')
  t.is((await entries(cache)).length, 5)
})

test('code without interruption is never taken for code with it', async (t) => {
  const { cache, entry } = await filled(t)
  const other = join(await folder(t), 'other')
  t.is(await fresh({ cache: other, interruptible: false }), 'exit 42')
  const [name] = await entries(other)
  await writeFile(entry, await readFile(join(other, name!)))
  t.is(await fresh({ cache }), 'exit 42')
  const looping = join(await folder(t), 'looping')
  for (const interruptible of [false, true, true]) {
    await using runtime = new Runtime({ threads: 1, cacheDir: false })
    const program = await load(watPath('loop'), { cache: looping, interruptible, runtime })
    if (interruptible) {
      t.is(ending(await program.run({ limits: { timeoutMs: 20 } })), 'limit timeout')
    }
  }
  t.is((await entries(looping)).length, 2)
})

test('no cache, no files', async (t) => {
  const path = await folder(t)
  t.is(await fresh({ cache: false }, 'exit-argv', path), 'exit 42')
  t.deepEqual(await entries(path), [])
})

test("the runtime's folder is the default", async (t) => {
  const path = await folder(t)
  await fresh({}, 'exit-argv', path)
  await fresh({ cache: true }, 'hello', path)
  t.is((await entries(path)).length, 2)
})

test('a folder of a program has precedence over that of its runtime', async (t) => {
  const { cache } = await filled(t)
  const path = await folder(t)
  await fresh({ cache }, 'hello', path)
  t.deepEqual(await entries(path), [])
  t.is((await entries(cache)).length, 2)
})

if (process.platform !== 'win32') {
  test('folder and entries are for the user alone', async (t) => {
    const { cache, entry } = await filled(t)
    t.is((await stat(cache)).mode & 0o777, 0o700)
    t.is((await stat(entry)).mode & 0o777, 0o600)
  })

  test('an entry that others could have written is not used', async (t) => {
    const { cache, entry } = await filled(t)
    const { ino } = await stat(entry)
    await chmod(entry, 0o666)
    t.is(await fresh({ cache }), 'exit 42')
    const after = await stat(entry)
    t.not(after.ino, ino)
    t.is(after.mode & 0o777, 0o600)
  })

  test("the user's cache folder is the default", async (t) => {
    const path = await folder(t)
    const child = await node(`console.log(ending(await (await load(watPath('hello'))).run()))`, {
      env: { HOME: path, XDG_CACHE_HOME: join(path, 'xdg') },
    })
    t.like(child, { code: 0, stdout: 'exit 0\n' }, child.stderr)
    const where = process.platform === 'darwin' ? 'Library/Caches' : 'xdg'
    t.is((await entries(join(path, where, 'wasiexec'))).length, 1)
  })
}

const DAMAGES: Readonly<Record<string, (bytes: Buffer) => Uint8Array>> = {
  'with a bit flipped in the middle': (bytes) => {
    bytes[bytes.length >> 1]! ^= 1
    return bytes
  },
  'with its digest changed': (bytes) => {
    bytes[bytes.length - 1]! ^= 1
    return bytes
  },
  'cut off': (bytes) => bytes.subarray(0, bytes.length >> 1),
  empty: () => Buffer.alloc(0),
  'of zeros': (bytes) => Buffer.alloc(bytes.length),
  'longer than it was': (bytes) => Buffer.concat([bytes, bytes]),
}
for (const [how, damage] of Object.entries(DAMAGES)) {
  test(`an entry ${how} is compiled anew and replaced`, async (t) => {
    const { cache, entry } = await filled(t)
    const bytes = await readFile(entry)
    const damaged = Buffer.from(damage(Buffer.from(bytes)))
    await writeFile(entry, damaged)
    t.is(await fresh({ cache }), 'exit 42')
    const after = await readFile(entry)
    t.false(after.equals(damaged))
    t.is(after.length, bytes.length)
    t.deepEqual((await entries(cache)).length, 1)
  })
}

test("another program's entry under a program's name is not used", async (t) => {
  const { cache, entry } = await filled(t)
  const other = await filled(t)
  await fresh({ cache: other.cache }, 'hello')
  const [name] = (await entries(other.cache)).filter((file) => !other.entry.endsWith(file))
  await writeFile(entry, await readFile(join(other.cache, name!)))
  t.is(await fresh({ cache }), 'exit 42')
})

test('a folder that cannot be one costs only the speed', async (t) => {
  const root = await folder(t)
  const file = join(root, 'file')
  await writeFile(file, '')
  t.is(await fresh({ cache: file }), 'exit 42')
  t.is(await fresh({ cache: join(file, 'below') }), 'exit 42')
  const { entry } = await filled(t)
  await mkdir(join(root, 'taken', entry.split(/[\\/]/).at(-1)!), { recursive: true })
  t.is(await fresh({ cache: join(root, 'taken') }), 'exit 42')
})

test('many runtimes and processes fill a cache at the same time', async (t) => {
  const cache = await folder(t)
  const script = `
    const options = { cache: ${JSON.stringify(cache)} }
    const programs = await Promise.all(['hello', 'args', 'cat'].map((name) => ownWat(name, options)))
    console.log((await Promise.all(programs.map((program) => program.run()))).map(ending).join())`
  const children = await Promise.all(Array.from({ length: 4 }, () => node(script)))
  for (const child of children) t.is(child.stdout, 'exit 0,exit 0,exit 0\n', child.stderr)
  const names = await entries(cache)
  t.is(names.length, 3)
  t.false(names.some((name) => name.endsWith('.tmp')))
})
