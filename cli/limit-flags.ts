import type { ServeLimits } from '../src/index.ts'
import { readDuration, readSize, readUint64, readWhole } from './quantities.ts'

/** The limits that have a number. `onMemory` and `onOutput` say what happens at two of them. */
export type LimitName = Exclude<keyof ServeLimits, 'onMemory' | 'onOutput'>

/** How the value of a limit is read, by the kind of value. */
export const READERS: Readers = {
  duration: readDuration,
  size: readSize,
  whole: readWhole,
  uint64: readUint64,
}
interface Readers {
  readonly duration: (text: string) => number | undefined
  readonly size: (text: string) => number | undefined
  readonly whole: (text: string) => number | undefined
  readonly uint64: (text: string) => bigint | undefined
}
export type ValueKind = keyof Readers

/** What a value is called in help. */
const PLACEHOLDERS: Readonly<Record<ValueKind, string>> = {
  duration: 'duration',
  size: 'size',
  whole: 'number',
  uint64: 'number',
}

/** Every verb that runs programs has the limits of `run`, and those of what else its programs may have. */
export type LimitKind = 'run' | 'files' | 'network' | 'bodies'

interface LimitFlag {
  readonly name: string
  readonly of: LimitKind
  readonly value: ValueKind
  readonly what: string
  /** What the library allows without the flag. */
  readonly default?: string
}

const FLAGS = {
  timeoutMs: {
    name: 'timeout',
    of: 'run',
    value: 'duration',
    what: 'wall clock, waiting included: 500ms, 2s, 1m',
  },
  cpuMs: { name: 'cpu', of: 'run', value: 'duration', what: 'time on a core' },
  fuel: {
    name: 'fuel',
    of: 'run',
    value: 'uint64',
    what: 'about one per instruction; the same in every run',
  },
  memoryBytes: {
    name: 'memory',
    of: 'run',
    value: 'size',
    what: 'all memories and tables together: 64MiB',
    default: '4GiB',
  },
  outputBytes: {
    name: 'max-output',
    of: 'run',
    value: 'size',
    what: 'stdout and stderr together',
  },
  filesBytes: {
    name: 'max-files',
    of: 'files',
    value: 'size',
    what: 'what is made or changed of files in memory',
    default: '256MiB',
  },
  filesCount: {
    name: 'max-files-count',
    of: 'files',
    value: 'whole',
    what: 'how many of them are made',
    default: '65536',
  },
  sockets: {
    name: 'max-sockets',
    of: 'network',
    value: 'whole',
    what: 'sockets that are open at the same time',
    default: '64',
  },
  networkSentBytes: {
    name: 'max-sent',
    of: 'network',
    value: 'size',
    what: 'bytes sent through sockets and requests: 1MiB',
  },
  networkReceivedBytes: {
    name: 'max-received',
    of: 'network',
    value: 'size',
    what: 'bytes received through them',
  },
  requestBytes: {
    name: 'max-request',
    of: 'bodies',
    value: 'size',
    what: 'the body of a request: 1MiB',
  },
  responseBytes: {
    name: 'max-response',
    of: 'bodies',
    value: 'size',
    what: 'the body of a response',
  },
} as const

/** The flag of each limit. */
export const LIMIT_FLAGS: Readonly<Record<LimitName, LimitFlag>> = FLAGS

type Flags = typeof FLAGS
type CamelCase<Name extends string> = Name extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : Name

/** The values of these flags, by their names in camel case. */
export type LimitValues = {
  [Limit in LimitName as CamelCase<Flags[Limit]['name']>]?: Exclude<
    ReturnType<Readers[Flags[Limit]['value']]>,
    undefined
  >
}

/** A flag with its limit, and as help shows it. */
export interface ShownLimitFlag extends LimitFlag {
  readonly limit: LimitName
  /** `--timeout <duration>`. */
  readonly usage: string
}

/** The flags of limits of these kinds. */
export function limitFlags(...kinds: readonly LimitKind[]): ShownLimitFlag[] {
  const entries = Object.entries(LIMIT_FLAGS) as [LimitName, LimitFlag][]
  return entries
    .filter(([, { of }]) => kinds.includes(of))
    .map(([limit, flag]) => {
      const usage = `--${flag.name} <${PLACEHOLDERS[flag.value]}>`
      return { ...flag, limit, usage }
    })
}

/** The limits that were given, in the order of the table. */
export function givenLimits(values: object): [flag: ShownLimitFlag, value: number | bigint][] {
  const all = values as Readonly<Record<string, number | bigint | undefined>>
  return limitFlags('run', 'files', 'network', 'bodies').flatMap((flag) => {
    const value = all[flag.name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())]
    return value === undefined ? [] : [[flag, value] as const]
  }) as [ShownLimitFlag, number | bigint][]
}

/** The limits that these flags set, and no others. */
export function limitsOf(values: LimitValues): Pick<ServeLimits, LimitName> {
  return Object.fromEntries(givenLimits(values).map(([{ limit }, value]) => [limit, value]))
}
