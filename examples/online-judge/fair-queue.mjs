// Who is judged next: submitters take turns, so a submitter with fifty submissions delays nobody else's.

export class FairQueue {
  /** Items by submitter. The submitter whose turn is next comes first. */
  #waiting = new Map()
  /** How many of a submitter's items are in progress. */
  #active = new Map()
  #share
  #size = 0

  /** @param {number} share so many items of one submitter are in progress at most */
  constructor(share) {
    this.#share = share
  }

  get size() {
    return this.#size
  }

  sizeOf(submitter) {
    return this.#waiting.get(submitter)?.length ?? 0
  }

  add(submitter, item) {
    const items = this.#waiting.get(submitter)
    if (items === undefined) this.#waiting.set(submitter, [item])
    else items.push(item)
    this.#size += 1
  }

  /** The next item, which is in progress until `done`; `undefined` when all that wait have their share. */
  take() {
    for (const [submitter, items] of this.#waiting) {
      const active = this.#active.get(submitter) ?? 0
      if (active >= this.#share) continue
      this.#active.set(submitter, active + 1)
      this.#size -= 1
      const item = items.shift()
      // To the end of the line.
      this.#waiting.delete(submitter)
      if (items.length > 0) this.#waiting.set(submitter, items)
      return { submitter, item }
    }
    return undefined
  }

  done(submitter) {
    const active = this.#active.get(submitter) - 1
    if (active === 0) this.#active.delete(submitter)
    else this.#active.set(submitter, active)
  }

  clear() {
    this.#waiting.clear()
    this.#size = 0
  }
}
