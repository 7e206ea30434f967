import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { availableParallelism, release } from 'node:os'
import { dirname } from 'node:path'

/** What an operating system grants this process; undefined where it does not say. */
export interface System {
  /** `linux-x64 (glibc 2.36)`. */
  readonly platform: string
  readonly kernel: string
  /** The file of the native addon. */
  readonly binary: string | undefined
  readonly cores: number
  /** Cores' worth of time that a container has. */
  readonly quota: number | undefined
  /** Bytes that a container may have. */
  readonly memory: number | undefined
  /** Bytes of address space: `ulimit -v`. */
  readonly addressSpace: number | undefined
  /** `ulimit -u`. */
  readonly processes: number | undefined
  /** `ulimit -n`. */
  readonly files: number | undefined
  /** `vm.max_map_count`. */
  readonly maps: number | undefined
  /** Whether the kernel promises no more memory than it has: `vm.overcommit_memory` is 2. */
  readonly isStrict: boolean
  /** Whether a filter refuses some system calls. */
  readonly isFiltered: boolean
}

/** Asks the operating system. */
export function askSystem(): System {
  const limits = read('/proc/self/limits') ?? ''
  const report = process.report.getReport() as Report
  return {
    platform: platform(report),
    kernel: release(),
    binary: report.sharedObjects?.find((path) => /wasiexec[^/\\]*\.node$/.test(path)),
    cores: availableParallelism(),
    quota: quotaOf(read('/sys/fs/cgroup/cpu.max')),
    memory: memoryOfContainer(),
    addressSpace: limitOf(limits, 'Max address space'),
    processes: limitOf(limits, 'Max processes'),
    files: limitOf(limits, 'Max open files'),
    maps: numberIn(read('/proc/sys/vm/max_map_count')),
    isStrict: numberIn(read('/proc/sys/vm/overcommit_memory')) === 2,
    isFiltered: /^Seccomp:\s*2$/m.test(read('/proc/self/status') ?? ''),
  }
}

/** What is wrong with a folder for compiled code; undefined if nothing is. */
export function faultOfCache(folder: string): string | undefined {
  let stats
  try {
    stats = statSync(folder)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ENOENT') return message
    // It is made when it is needed.
    return canMakeFolders(folder) ? undefined : 'this user cannot make it'
  }
  if (!stats.isDirectory()) return 'it is not a folder'
  // Windows has no such bits.
  if (process.platform !== 'win32' && (stats.mode & 0o022) !== 0) {
    return 'others can write to it, so nothing in it is used: `chmod 700` it'
  }
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    return undefined
  } catch {
    return 'this user cannot write to it'
  }
}

/** Whether what is missing of a path can be made. */
function canMakeFolders(path: string): boolean {
  const parent = dirname(path)
  try {
    accessSync(parent, constants.W_OK | constants.X_OK)
    return true
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    return isMissing && parent !== path && canMakeFolders(parent)
  }
}

/** What is used of Node's report of itself. */
interface Report {
  readonly header?: { readonly glibcVersionRuntime?: string }
  readonly sharedObjects?: readonly string[]
}

function platform(report: Report): string {
  const { platform, arch } = process
  if (platform !== 'linux') return `${platform}-${arch}`
  const glibc = report.header?.glibcVersionRuntime
  return `${platform}-${arch} (${glibc === undefined ? 'musl' : `glibc ${glibc}`})`
}

/** `max 100000` or `150000 100000`. */
function quotaOf(text: string | undefined): number | undefined {
  const [quota, period] = (text ?? '').split(' ').map(Number)
  return quota! > 0 && period! > 0 ? quota! / period! : undefined
}

function memoryOfContainer(): number | undefined {
  const bytes = process.constrainedMemory?.() ?? 0
  // Without a limit, Node returns 0 or what the largest number of the kernel is.
  return bytes > 0 && bytes < Number.MAX_SAFE_INTEGER ? bytes : undefined
}

/** The soft limit in a row of `/proc/self/limits`. */
function limitOf(limits: string, name: string): number | undefined {
  const row = limits.split('\n').find((line) => line.startsWith(name))
  return numberIn(row?.slice(name.length))
}

/** The first number in a text. */
function numberIn(text: string | undefined): number | undefined {
  const [word = ''] = (text ?? '').trim().split(/\s+/)
  return /^\d+$/.test(word) ? Number(word) : undefined
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
