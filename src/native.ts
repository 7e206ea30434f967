import * as native from './native/index.cjs'

export type Port = native.BindingPort
export type PortOptions = native.BindingRuntimeOptions
export type LoadRequest = native.BindingLoadRequest

/** The compiled core, loaded for this platform. */
export { native }
