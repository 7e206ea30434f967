const MAX_SHOWN = 30

/** Text that is not a value of the type that is expected. */
export class WaveError extends Error {
  /** Where in the text, from 0 on. */
  readonly at: number

  constructor(expected: string, text: string, at: number) {
    super(`expected ${expected}, got ${shown(text, at)} at character ${at + 1}`)
    this.at = at
  }
}

/** The word, number or mark at a place. */
function shown(text: string, at: number): string {
  const [token = ''] = /["']?(?:[^\s()[\]{},:"']+|.)?/suy.exec(text.slice(at)) ?? []
  if (token === '') return 'the end'
  return JSON.stringify(token.length > MAX_SHOWN ? `${token.slice(0, MAX_SHOWN)}…` : token)
}
