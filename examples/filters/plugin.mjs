// A plugin whose functions take and return text: an instance that keeps its state from call to call.
import { describeOutcome, load, ProgramError } from 'wasiexec'

const LIMITS = {
  cpuMs: 100,
  // For plugins that wait for the host, which use no time on a core.
  timeoutMs: 10_000,
  memoryBytes: 16 << 20,
  outputBytes: 1 << 16,
}
/** So often may a version fail before the version before takes its place. */
const STRIKES = 2
/** The newest version, and those that may take its place. */
const KEPT = 3

/** What a plugin exports, with its types, beside a memory. */
const NEEDED = new Map([
  ['reserve', '(i32) -> i32'],
  ['release', '(i32, i32)'],
  ['transform', '(i32, i32) -> i64'],
  ['visit', '() -> i32'],
])

export class Plugin {
  #imports
  /** The newest last. */
  #versions = []
  #strikes = 0
  #instance
  /** What is done with the instance is done in turn: nobody writes into its memory during a call. */
  #last = Promise.resolve()

  /** `imports` are for every version of plugins: each imports what it needs. */
  constructor(imports) {
    this.#imports = imports
  }

  /** Takes in a new version. Calls that were made before go to the version before, later ones to this. */
  async install(source, name) {
    const program = await load(source, { name })
    try {
      program.check({ imports: this.#imports })
      await checkExports(program)
    } catch (error) {
      program[Symbol.dispose]()
      throw error
    }
    await this.#inTurn(() => {
      this.#versions.push(program)
      if (this.#versions.length > KEPT) this.#versions.shift()[Symbol.dispose]()
      this.#strikes = 0
      this.#end()
    })
  }

  /** What the plugin makes of a text, or the text where it fails. */
  transform(text) {
    return this.#use((instance) => transform(instance, text), text)
  }

  /** How often the instance has been visited, a state that ends with it; 0 where the plugin fails. */
  visit() {
    return this.#use(({ exports }) => exports.visit(), 0)
  }

  close() {
    return this.#inTurn(() => {
      this.#end()
      for (const program of this.#versions.splice(0)) program[Symbol.dispose]()
    })
  }

  /** What comes of a task with the instance, or something else where the plugin fails. */
  #use(task, otherwise) {
    return this.#inTurn(async () => {
      const program = this.#versions.at(-1)
      if (program === undefined) return otherwise
      try {
        this.#instance ??= await program.instantiate({ imports: this.#imports, limits: LIMITS })
        return await task(this.#instance)
      } catch (error) {
        this.#fail(program, error)
        return otherwise
      }
    })
  }

  #fail(program, error) {
    const how = error instanceof ProgramError ? describeOutcome(error.outcome) : error.message
    console.log(`${program.name}: ${how}`)
    // Nobody knows in which state it is.
    this.#end()
    this.#strikes += 1
    if (this.#strikes < STRIKES) return
    this.#versions.pop()
    program[Symbol.dispose]()
    console.log(`${program.name} is replaced by ${this.#versions.at(-1)?.name ?? 'nothing'}`)
    this.#strikes = 0
  }

  #end() {
    this.#instance?.[Symbol.dispose]()
    this.#instance = undefined
  }

  #inTurn(task) {
    const done = this.#last.then(task)
    this.#last = done.catch(() => {})
    return done
  }
}

/** A plugin with other exports could only fail. */
async function checkExports(program) {
  const { exports } = await program.inspect()
  const has = (name, kind, type) =>
    exports.some(
      (item) => item.name === name && item.kind === kind && (type ?? item.type) === item.type,
    )
  const missing = [...NEEDED]
    .filter(([name, type]) => !has(name, 'function', type))
    .map((each) => each.join(' '))
  if (!has('memory', 'memory')) missing.push('memory')
  if (missing.length > 0) throw new Error(`${program.name} does not export ${missing.join(', ')}`)
}

/** Writes a text into the memory of an instance, and reads what it has made of the text. */
async function transform({ exports, memory }, text) {
  const bytes = Buffer.from(text)
  const address = await exports.reserve(bytes.length)
  memory.write(address, bytes)
  const made = await exports.transform(address, bytes.length)
  const [start, length] = [
    Number(BigInt.asUintN(32, made >> 32n)),
    Number(BigInt.asUintN(32, made)),
  ]
  const result = memory.readString(start, length)
  await exports.release(start, length)
  if (start !== address) await exports.release(address, bytes.length)
  return result
}
