export * from '../native/index.cjs'
