import { counted } from '../batch/words.ts'
import { bytes, time } from '../wording.ts'
import type { System } from './system.ts'
import type { Trials } from './trials.ts'

/** `slow` costs time or stands in the way of large loads; `bad` keeps something from working. */
export type Level = 'ok' | 'slow' | 'bad'

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level
  readonly topic: string
  /** What it is, and for anything but `ok` why that matters and what to do. */
  readonly text: string
}

/** A run takes about six mappings. */
const MAPS_PER_RUN = 6
/** What a process needs besides. */
const FEW_MAPS = 1000
/** Of a server that has a socket and some files per request. */
const FEW_FILES = 1024
/** Threads of the runtime, of Node and for files. */
const THREADS_BESIDES = 64
/** Below, Node and a few programs have little room. */
const LITTLE_MEMORY = 256 * 1024 * 1024
/** A scheduler that leaves a thread alone for so long is busy with others. */
const LATE_MS = 25

/** What a system has, by what it asked for and what was tried. */
export function findings(
  system: System,
  trials: Trials,
  cacheFault: string | undefined,
): Finding[] {
  const { stats } = trials
  return [
    ...binary(system),
    programs(trials),
    limits(trials),
    cores(system, stats.threads),
    memory(system),
    addressSpace(system, trials),
    ...maps(system, stats.maxConcurrentRuns),
    ...files(system),
    ...processes(system, stats.threads),
    cache(stats.cacheDir, cacheFault),
    workers(trials.workersFault),
    ...filter(system),
  ]
}

function binary({ binary }: System): Finding[] {
  return binary === undefined ? [] : [{ level: 'ok', topic: 'binary', text: binary }]
}

function programs({ firstMs, runUs }: Trials): Finding {
  const text = `the first ran after ${time(firstMs)}, and each run takes ${runUs.toFixed(1)} µs`
  return { level: 'ok', topic: 'programs', text }
}

function limits({ lateMs }: Trials): Finding {
  const text = `an endless loop ended ${time(lateMs)} after its limit`
  if (lateMs < LATE_MS) return { level: 'ok', topic: 'limits', text }
  const why = 'other processes keep the cores: give this one more of them, or run less beside it'
  return { level: 'slow', topic: 'limits', text: `${text}: ${why}` }
}

function cores({ cores, quota }: System, threads: number): Finding {
  const topic = 'cores'
  const text = `${counted(threads, 'thread')} on ${counted(cores, 'core')}`
  if (quota === undefined || quota >= threads) return { level: 'ok', topic, text }
  const share = `the container has the time of ${Number(quota.toFixed(2))}`
  const advice = `its threads are stopped together when that is used up: \`new Runtime({ threads: ${Math.max(1, Math.floor(quota))} })\``
  return { level: 'slow', topic, text: `${text}, of which ${share}: ${advice}` }
}

function memory({ memory }: System): Finding {
  const topic = 'memory'
  if (memory === undefined) return { level: 'ok', topic, text: 'no limit of a container' }
  const text = `the container has ${bytes(memory)}`
  if (memory >= LITTLE_MEMORY) return { level: 'ok', topic, text }
  const advice = 'the kernel ends the process when that is used up: give runs `limits.memoryBytes`'
  return { level: 'slow', topic, text: `${text}: ${advice}` }
}

function addressSpace({ addressSpace, isStrict }: System, { stats, runUs }: Trials): Finding {
  const topic = 'address space'
  const size = addressSpace === undefined ? 'no limit' : bytes(addressSpace)
  if (stats.allocation === 'pooling') return { level: 'ok', topic, text: size }
  const why = isStrict
    ? 'the kernel counts memory that is only reserved (`vm.overcommit_memory` is 2); set it to 0 or 1'
    : `the process may not reserve more than ${size}; \`ulimit -v unlimited\` allows it`
  const cost = `each run maps its memory anew and takes ${runUs.toFixed(1)} µs`
  return { level: 'slow', topic, text: `${cost}, because ${why}` }
}

function maps({ maps }: System, runs: number): Finding[] {
  if (maps === undefined) return []
  const topic = 'memory maps'
  const needed = runs * MAPS_PER_RUN + FEW_MAPS
  const text = `${maps} (\`vm.max_map_count\`)`
  if (maps >= needed) return [{ level: 'ok', topic, text }]
  const advice = `${runs} runs at a time take up to ${needed}: \`sysctl vm.max_map_count=${needed}\`, or a lower \`maxConcurrentRuns\``
  return [{ level: 'slow', topic, text: `${text}: ${advice}` }]
}

function files({ files }: System): Finding[] {
  if (files === undefined) return []
  const text = `${files} (\`ulimit -n\`)`
  if (files >= FEW_FILES) return [{ level: 'ok', topic: 'open files', text }]
  const advice =
    'runs with files, sockets and pipes take descriptors of the process: allow at least'
  return [{ level: 'slow', topic: 'open files', text: `${text}: ${advice} ${FEW_FILES}` }]
}

function processes({ processes }: System, threads: number): Finding[] {
  if (processes === undefined) return []
  const needed = threads + THREADS_BESIDES
  const text = `${processes} of this user (\`ulimit -u\`)`
  if (processes >= needed) return [{ level: 'ok', topic: 'processes', text }]
  const advice = `threads count, too: allow at least ${needed} more than the user has`
  return [{ level: 'slow', topic: 'processes', text: `${text}: ${advice}` }]
}

function cache(folder: string | null, fault: string | undefined): Finding {
  const topic = 'cache'
  if (folder === null) {
    const text = 'this user has no folder for it, so each process compiles anew: give `cacheDir`'
    return { level: 'slow', topic, text }
  }
  if (fault === undefined) return { level: 'ok', topic, text: folder }
  return {
    level: 'slow',
    topic,
    text: `${folder}: ${fault}; until then each process compiles anew`,
  }
}

function workers(fault: string | undefined): Finding {
  const topic = 'worker processes'
  if (fault === undefined) return { level: 'ok', topic, text: 'run programs' }
  return { level: 'bad', topic, text: `\`workers: 'processes'\` cannot be used: ${fault}` }
}

function filter({ isFiltered }: System): Finding[] {
  if (!isFiltered) return []
  const text = 'a filter refuses some system calls (seccomp); what was tried here works with it'
  return [{ level: 'ok', topic: 'system calls', text }]
}
