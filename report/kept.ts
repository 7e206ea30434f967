import type { Group } from './groups.ts'
import { listedJob, type ListedJob } from './listed.ts'
import type { ReportResult } from './result.ts'

/** Kinds or verdicts that have a list of their own; a judge has seven. */
const MAX_LISTS = 16

/** The slowest jobs of each kind or verdict, so that every filter leaves some. */
export class SlowestJobs {
  readonly #most: number
  readonly #lists = new Map<string, ListedJob[]>()
  readonly #ofGroups = new Map<Group, ListedJob[]>()

  constructor(most: number) {
    this.#most = most
  }

  add(group: Group, result: ReportResult, at: number | undefined): void {
    const wallMs = result.outcome?.usage.wallMs
    if (wallMs === undefined || !(wallMs > 0) || this.#most === 0) return
    const list = this.#listOf(group)
    if (list.length === this.#most) {
      if (wallMs <= list.at(-1)!.usage!.wallMs) return
      list.pop()
    }
    const before = list.findIndex(({ usage }) => usage!.wallMs < wallMs)
    list.splice(before === -1 ? list.length : before, 0, listedJob(group, result, at))
  }

  #listOf(group: Group): ListedJob[] {
    const known = this.#ofGroups.get(group)
    if (known !== undefined) return known
    const list = this.#list(`${group.kind}\n${group.verdict ?? ''}`)
    this.#ofGroups.set(group, list)
    return list
  }

  #list(key: string): ListedJob[] {
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    // The others share one list.
    if (this.#lists.size === MAX_LISTS && key !== '') return this.#list('')
    const list: ListedJob[] = []
    this.#lists.set(key, list)
    return list
  }

  listed(): ListedJob[] {
    return [...this.#lists.values()].flat().toSorted((a, b) => b.usage!.wallMs - a.usage!.wallMs)
  }
}

/** The first failing jobs, shared among endings: a million of one kind do not hide the few of another. */
export class FailingJobs {
  count = 0
  readonly #most: number
  readonly #lists = new Map<Group, ListedJob[]>()
  #held = 0
  /** Length of the longest list once there is no room left; it only shrinks from then on. */
  #longest = Infinity

  constructor(most: number) {
    this.#most = most
  }

  /** Returns the job if it is kept. */
  add(group: Group, result: ReportResult, at: number | undefined): ListedJob | undefined {
    this.count += 1
    const list = this.#lists.get(group) ?? []
    if (this.#held === this.#most && !this.#makeRoom(list.length)) return undefined
    this.#lists.set(group, list)
    const job = listedJob(group, result, at)
    list.push(job)
    this.#held += 1
    return job
  }

  listed(): ListedJob[] {
    return [...this.#lists.values()].flat().toSorted((a, b) => a.index - b.index)
  }

  /** Shortens the longest list, unless the two lists would then only have changed places. */
  #makeRoom(length: number): boolean {
    if (this.#longest !== Infinity && length + 2 > this.#longest) return false
    const lists = [...this.#lists.values()]
    this.#longest = Math.max(0, ...lists.map((list) => list.length))
    if (length + 2 > this.#longest) return false
    lists.find((list) => list.length === this.#longest)!.pop()
    this.#held -= 1
    return true
  }
}

/** Endings that have a list of their own; the other endings share one list per kind. */
const MAX_ENDINGS = 32
/** A full list takes no more often: text is made of a job, which would slow down a batch of nothing but failures. */
const PAUSE_MS = 10

/** The failing jobs that came last, of each ending. */
export class LatestJobs {
  readonly #most: number
  readonly #lists = new Map<string, ListedJob[]>()

  constructor(most: number) {
    this.#most = most
  }

  /** @param known The same job, where text has been made of it already. */
  add(group: Group, result: ReportResult, at: number, known: ListedJob | undefined): void {
    if (this.#most === 0) return
    const list = this.#list(group)
    const isFull = list.length === this.#most
    if (isFull && known === undefined && at - list.at(-1)!.at! < PAUSE_MS) return
    if (isFull) list.shift()
    list.push(known ?? listedJob(group, result, at))
  }

  #list({ key, kind }: Group): ListedJob[] {
    const name = this.#lists.has(key) || this.#lists.size < MAX_ENDINGS ? key : kind
    const list = this.#lists.get(name) ?? []
    this.#lists.set(name, list)
    return list
  }

  listed(): ListedJob[] {
    return [...this.#lists.values()].flat()
  }
}
