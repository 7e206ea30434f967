import type { RunOptions } from '../src/index.ts'
import { addTraceOption, tellEnding, type TraceFlags } from './ending.ts'
import { invoke, type Invoked } from './invoke.ts'
import { print, printLines, type Io } from './io.ts'
import { addNetworkOptions, networkOptions, type NetworkFlags } from './network.ts'
import { addStoreOptions, storeOptions, type StoreFlags } from './stores.ts'
import { openProgram, PROGRAM_ARGUMENT } from './program.ts'
import { bytes } from './wording.ts'
import {
  addLoadOptions,
  addRunOptions,
  loadOptions,
  runOptions,
  type LoadFlags,
  type RunFlags,
} from './run-options.ts'
import {
  addFilesOptions,
  checkCollect,
  readGuestFiles,
  writeCollected,
  type FileFlags,
} from './guest-files.ts'
import { CliError, interruptStatus, statusOf } from './status.ts'
import { examples, type Verb } from './verb.ts'

interface Flags extends RunFlags, LoadFlags, FileFlags, NetworkFlags, StoreFlags, TraceFlags {
  json?: boolean
  invoke?: string
}

export const verb: Verb = {
  describe(command, io) {
    command
      .description(
        'Runs a program. Everything after it on the command line is passed to it, including options.',
      )
      .usage('[options] <prog.wasm> [args...]')
      .argument('<prog.wasm>', PROGRAM_ARGUMENT)
      .argument('[args...]', "the program's own arguments")
      .passThroughOptions()
      .option(
        '--invoke <function>',
        'instantiate the program and call this export with the arguments, or as in add(1, 2); prints what it returns, one value per line',
      )
      .option('--json', 'print the outcome, with what the program printed, as one JSON object')
    addTraceOption(command)
    addFilesOptions(command, 'where these files are written')
    addRunOptions(command, io, ['files'])
    addNetworkOptions(command)
    addStoreOptions(command)
    addLoadOptions(command, ['tiered', 'optimizing', 'baseline'])
    command.addHelpText(
      'after',
      `${examples(
        ['wasiexec run hello.wasm world', 'with an argument'],
        [
          'wasiexec run --dir . --dir out::/out:rw tool.wasm in.txt',
          'files to read, one folder to write',
        ],
        ['wasiexec run --timeout 2s --memory 64MiB prog.wasm <in.txt', 'within limits'],
        ['wasiexec run -e LANG -e MODE=fast prog.wasm', "the caller's LANG, and another variable"],
        ['wasiexec run --json prog.wasm | jq .usage', 'what it used'],
        [
          "wasiexec run --file in.txt=data.txt --collect 'out/**' --collect-to results tool.wasm",
          'files in memory, and those that it made',
        ],
        ['wasiexec run --allow-net 127.0.0.1:5432 prog.wasm', 'one address to connect to'],
        ['wasiexec run --invoke add library.wasm 1 2', 'one of its functions'],
        [
          `wasiexec run --invoke 'my:pkg/shop#price({name: "tea", count: 2})' shop.wasm`,
          'of a component, with values in WAVE',
        ],
      )}

Exit status: the program's own, or 124 timeout, cpu or fuel; 134 trap; 137 memory; 153 output
or network; 130 Ctrl-C; 143 SIGTERM; 141 nobody reads its output; 125 an error of wasiexec.`,
    )
  },

  async execute(io, [path = '', ...args], given) {
    const flags = given as Flags
    checkCollect(flags)
    if (flags.invoke !== undefined && flags.collect !== undefined)
      throw new CliError(
        '--collect cannot be with --invoke: files are kept at the end of a program; let the function print what it has made',
      )
    const files = await readGuestFiles(flags)
    const program = await openProgram(io, path, loadOptions(flags))
    const controller = new AbortController()
    const stop = io.onInterrupt((signal) => controller.abort(signal))
    const { signal } = controller
    const grants = {
      ...runOptions(flags),
      ...networkOptions(flags),
      ...storeOptions(flags),
      ...files,
    }
    const options = { ...grants, ...streams(io, path, flags), signal }
    let invoked: Invoked
    try {
      invoked =
        flags.invoke === undefined
          ? { outcome: await program.run({ ...options, args }), values: [], isWave: false }
          : await invoke(program, { name: flags.invoke, args }, options)
    } catch (error) {
      // An instance that could not be made in time.
      const status = error === signal.reason ? interruptStatus(error) : undefined
      if (status === undefined) throw error
      return status
    } finally {
      stop()
    }
    const { outcome, values } = invoked
    if (flags.collectTo !== undefined) await writeCollected(flags.collectTo, outcome.files)
    if (flags.json) await print(io.stdout, `${json(invoked)}\n`)
    else if (values.length > 0) await printLines(io.stdout, values)
    else {
      const { name } = program
      const { fullTrace } = flags
      await tellEnding(io, { name, path, limits: options.limits, fullTrace }, outcome)
    }
    return statusOf(outcome)
  },
}

/** Output is live, or, for JSON, in the outcome. A program that came through stdin has used stdin up. */
function streams(io: Io, path: string, { json }: Flags): Partial<RunOptions> {
  const stdin = path === '-' ? 'empty' : io.inherit ? 'inherit' : io.stdin
  if (json) return { stdin }
  const [stdout, stderr] = io.inherit ? (['inherit', 'inherit'] as const) : [io.stdout, io.stderr]
  return { stdin, stdout, stderr, onBrokenPipe: 'stop' }
}

/** What a component returned is text in WAVE: values of WIT are not those of JSON. */
function json({ outcome, values, isWave }: Invoked): string {
  const isText = isWave && outcome.kind === 'returned'
  try {
    if (!isText) return JSON.stringify(outcome)
    const texts = values.map((pieces) => [...pieces].join(''))
    return JSON.stringify({ ...JSON.parse(JSON.stringify(outcome)), values: texts })
  } catch (error) {
    // A string has at most half a gigabyte.
    const printed = bytes(outcome.stdout.length + outcome.stderr.length)
    const message = isText
      ? 'what the function returned and printed does not fit into JSON; without --json it is printed in any length'
      : `its output of ${printed} does not fit into JSON; --max-output cuts it off`
    throw new CliError(message, { cause: error })
  }
}
