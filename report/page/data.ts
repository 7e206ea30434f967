// What the page's script gets of the results, as JSON. No imports: it is compiled for Node and for browsers.

/** Results of one colour, which the charts stack. */
export interface PageSeries {
  readonly name: string
  readonly slot: string
}

export interface PageGroup {
  readonly key: string
  readonly kind: string
  readonly ending: string
  readonly verdict: string | undefined
  readonly count: number
  /** Index of its series. */
  readonly series: number
  /** Runs in each bucket of `edges`. */
  readonly times: readonly number[]
  /** Results in each bin. */
  readonly bins: readonly number[]
}

export interface PageData {
  /** Of a live page. */
  readonly phase?: Phase | undefined
  readonly jobs: number
  readonly series: readonly PageSeries[]
  readonly groups: readonly PageGroup[]
  /** Run times in milliseconds: where each bucket begins, and where the last one ends. */
  readonly edges: readonly number[]
  /** Width of a bin and end of the last one, in milliseconds since the start. */
  readonly binMs: number
  readonly endMs: number
  /** Run times of the summary that the histogram marks. */
  readonly marks: readonly { readonly name: string; readonly ms: number }[]
}

/** Where a live page is with its batch: a script connects only to one that runs. */
export type Phase = 'running' | 'over'

/** What the server of a live page sends: all of the page that may change. */
export interface Update {
  readonly title: string
  /** The page's `main`. An element with `data-same` stands for the one of its key. */
  readonly main: string
  /** The markup of rows that are new or have changed, by their keys. */
  readonly rows: Readonly<Record<string, string>>
  readonly data: PageData
}
