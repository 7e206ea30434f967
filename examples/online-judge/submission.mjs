// A submission: what is known of it, and who wants to hear more.
import { randomUUID } from 'node:crypto'
import { EventEmitter, once } from 'node:events'

export class Submission {
  id
  name
  at
  /** The number of cases. */
  count
  /** 'judging' until the end. */
  verdict = 'judging'
  /** Why it is not a program, if it is not. */
  error = undefined
  results = []
  #events = []
  #news = new EventEmitter().setMaxListeners(0)

  constructor({ id = randomUUID(), name, at = new Date(), count }) {
    this.id = id
    this.name = name
    this.at = at
    this.count = count
  }

  add(result) {
    return this.apply({ event: 'result', data: result })
  }

  end(error) {
    const failed = this.results.find(({ verdict }) => verdict !== 'accepted')
    const verdict = error === undefined ? (failed?.verdict ?? 'accepted') : 'not a program'
    return this.apply({ event: 'end', data: { verdict, error } })
  }

  /** Takes in what has happened, now or before the server was started again, and returns it. */
  apply(happened) {
    const { event, data } = happened
    if (event === 'result') this.results.push(data)
    else ({ verdict: this.verdict, error: this.error } = data)
    this.#events.push(happened)
    this.#news.emit('news')
    return happened
  }

  /** Whether there will be no event from `first` on. */
  isOver(first) {
    return this.verdict !== 'judging' && first >= this.#events.length
  }

  /** What has happened from `first` on, and what happens until the end. */
  async *events(first) {
    for (let index = first; ; index += 1) {
      while (index >= this.#events.length) {
        if (this.isOver(index)) return
        await once(this.#news, 'news')
      }
      yield { index, ...this.#events[index] }
    }
  }
}
