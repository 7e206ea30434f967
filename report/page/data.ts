// What the page's script gets of the results, as JSON. No imports: it is compiled for Node and for browsers.

/** Results of one colour, which the charts stack. */
export interface PageSeries {
  readonly name: string
  readonly slot: string
}

export interface PageGroup {
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
