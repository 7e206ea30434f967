// A shop whose prices are set by plugins that nobody has to trust. A plugin sees an order through the functions that the
// shop gives it, has limits of its own, and is replaced by the version before when it misbehaves.
import { setTimeout } from 'node:timers/promises'
import { describeOutcome, load } from 'wasiexec'

const rates = { EUR: 0.5 }
const LIMITS = {
  cpuMs: 100,
  // For plugins that wait, which use no time on a core.
  timeoutMs: 30_000,
  memoryBytes: 16 << 20,
  outputBytes: 1 << 16,
}
/** So often may a plugin fail before the version before takes its place. */
const STRIKES = 2

/** What every plugin may call, for one order; a plugin that needs less leaves the rest out. */
function shop(order) {
  return {
    price: () => order.price,
    setPrice: (price) => {
      if (!(price >= 0)) throw new Error(`a price of ${price} is not allowed`)
      order.price = price
    },
    // The plugin waits without holding a thread.
    rate: async (pointer, length, { memory }) => {
      const currency = memory.readString(pointer, length)
      await setTimeout(1)
      if (!Object.hasOwn(rates, currency)) throw new Error(`there is no rate for ${currency}`)
      return rates[currency]
    },
  }
}

/** A plugin with its older versions, the newest last. */
class Plugin {
  #versions = []
  #strikes = 0

  constructor(name, limits = {}) {
    this.name = name
    this.limits = { ...LIMITS, ...limits }
  }

  /** Takes a version in if it wants nothing that the shop does not offer. */
  async install(file) {
    const program = await load(new URL(`plugins/${file}`, import.meta.url))
    try {
      program.check({ imports: { shop: shop({}) } })
    } catch (error) {
      console.log(`${file} is not installed: ${error.message}`)
      return
    }
    this.#versions.push({ file, program })
    this.#strikes = 0
  }

  /** Applies the plugin to an order, or leaves the order as it is. */
  async apply(order) {
    const version = this.#versions.at(-1)
    if (version === undefined) return order
    const changed = { ...order }
    const imports = { shop: shop(changed) }
    const outcome = await version.program.run({ imports, limits: this.limits })
    if (outcome.ok) return changed
    this.#strikes += 1
    console.log(`${version.file}, order ${order.id}: ${describeOutcome(outcome)}`)
    if (this.#strikes === STRIKES) this.#replace(version)
    return order
  }

  #replace(version) {
    this.#versions.pop()
    this.#strikes = 0
    version.program[Symbol.dispose]()
    const before = this.#versions.at(-1)
    console.log(`${version.file} is replaced by ${before?.file ?? 'nothing'}`)
  }
}

const discount = new Plugin('discount')
await discount.install('discount.wat')
const currency = new Plugin('currency', { cpuMs: 50 })
await currency.install('currency.wat')
await currency.install('currency-2.wat')
const coupon = new Plugin('coupon')
await coupon.install('coupon.wat')
const spy = new Plugin('spy')
await spy.install('spy.wat')

for (const [id, price] of [40, 200, 80, 100].entries()) {
  let order = { id, price }
  for (const plugin of [discount, currency, coupon, spy]) order = await plugin.apply(order)
  console.log(`order ${id}: ${price} becomes ${order.price}`)
}
