/** No result is further ahead of missing ones than the largest window of a batch. */
const MAX_GAP = 2 ** 22

/** Which jobs of the input have a result, and the digests of these jobs: five bytes each. */
export class DoneJobs {
  #digests = new Uint32Array(1024)
  #known = new Uint8Array(1024)
  /** Jobs that have a result. */
  size = 0
  /** The index after the last of them. */
  end = 0

  /** Returns false, and adds nothing, if the job has a result or if its index makes no sense. */
  add(index: number, digest: number): boolean {
    if (!(Number.isSafeInteger(index) && index >= 0 && index <= this.size + MAX_GAP)) return false
    if (this.has(index)) return false
    if (index >= this.#known.length) this.#grow(index + 1)
    this.#digests[index] = digest
    this.#known[index] = 1
    this.size += 1
    this.end = Math.max(this.end, index + 1)
    return true
  }

  has(index: number): boolean {
    return this.#known[index] === 1
  }

  /** The digest of a job that has a result. */
  digest(index: number): number {
    return this.#digests[index]!
  }

  #grow(least: number): void {
    const length = Math.max(least, this.#known.length * 2)
    const digests = new Uint32Array(length)
    const known = new Uint8Array(length)
    digests.set(this.#digests)
    known.set(this.#known)
    this.#digests = digests
    this.#known = known
  }
}
