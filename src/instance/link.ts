import type { InstanceState } from './state.ts'

/** Ends instances that nothing of what users have refers to any more. */
const collected = new FinalizationRegistry<InstanceState>((state) => {
  state.port.abandoned += 1
  state.dispose()
})

/** What everything that users have of an instance refers to. */
export class InstanceLink {
  readonly state: InstanceState

  constructor(state: InstanceState) {
    this.state = state
    collected.register(this, state, this)
  }

  dispose(): void {
    collected.unregister(this)
    this.state.dispose()
  }
}
