export { declareComponent } from './declarations/component.ts'
export { declareModule } from './declarations/module.ts'
export { functionsOf } from './declarations/functions.ts'
export type { Resolved } from './declarations/resolved.ts'
