import type { CallValues } from '../outcome.ts'

/** The functions of a program whose types are not given. */
export interface AnyFunctions {
  [name: string]: (...args: (number | bigint)[]) => number | bigint | CallValues | undefined
}

/** The names of the functions among a program's exports. */
export type FunctionName<Functions> = {
  [Name in keyof Functions]: Functions[Name] extends (...args: never[]) => unknown ? Name : never
}[keyof Functions] &
  string

/** What a function takes. */
export type ArgumentsOf<Function> = Function extends (...args: infer Arguments) => unknown
  ? Arguments
  : never

/** What a function returns, as the values of an outcome. */
export type ValuesOf<Function> = Function extends (...args: never[]) => infer Result
  ? [CallValues] extends [Result]
    ? CallValues
    : [Result] extends [undefined | void]
      ? readonly []
      : Result extends readonly unknown[]
        ? Readonly<Result>
        : readonly [Result]
  : never

/** Functions that return a promise of what a program's functions return. */
export type AsyncFunctions<Functions> = {
  readonly [Name in FunctionName<Functions>]: Functions[Name] extends (
    ...args: infer Arguments
  ) => infer Result
    ? (...args: Arguments) => Promise<Result>
    : never
}

/** What a function returns. */
export type ResultOf<Function> = Function extends (...args: never[]) => infer Result
  ? Result
  : never
