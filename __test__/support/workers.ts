// The worker processes of this process, or of another.
import { readFile, readdir } from 'node:fs/promises'
import { execFileSync } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { PATIENCE_MS } from './patience.ts'

interface Process {
  pid: number
  parent: number
  isZombie: boolean
  command: string
}

/** Resolves when `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`it never was: ${condition.toString()}`)
    await setTimeout(5)
  }
}

/** The workers that a process has, zombies not included. */
export async function workersOf(parent: number = process.pid): Promise<number[]> {
  const processes = await all()
  return processes
    .filter((p) => p.parent === parent && !p.isZombie && p.command.includes('serveWorker'))
    .map(({ pid }) => pid)
}

/** Waits for so many workers and answers them. */
export async function someWorkers(count: number, parent?: number): Promise<number[]> {
  let workers: number[] = []
  await until(async () => (workers = await workersOf(parent)).length === count)
  return workers
}

/** Processes of this one that have ended and that nobody has waited for. */
export async function zombies(): Promise<number> {
  const processes = await all()
  return processes.filter((p) => p.parent === process.pid && p.isZombie).length
}

/** Whether a process has ended. */
export async function isGone(pid: number): Promise<boolean> {
  const found = (await all()).find((p) => p.pid === pid)
  return found === undefined || found.isZombie
}

/** Whether nothing is left of one: a zombie's other threads may still hold its sockets open. */
export async function isReaped(pid: number): Promise<boolean> {
  return !(await all()).some((p) => p.pid === pid)
}

export function kill(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    // It may just have ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function all(): Promise<Process[]> {
  return process.platform === 'linux' ? fromProc() : fromPs()
}

async function fromProc(): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const processes = await Promise.all(
    pids.map(async (pid) => {
      try {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
        // The name in parentheses may have anything in it.
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8')
        return [{ pid: +pid, parent: Number(parent), isZombie: state === 'Z', command }]
      } catch {
        return []
      }
    }),
  )
  return processes.flat()
}

function fromPs(): Process[] {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,stat=,args='], { encoding: 'utf8' })
  return lines.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line)
    if (match === null) return []
    const [, pid, parent, state, command] = match
    return [{ pid: +pid!, parent: +parent!, isZombie: state!.startsWith('Z'), command: command! }]
  })
}
