import type { CallOutcome, CallValues, HostError } from '../outcome.ts'

/**
 * The functions of a program whose types are not given.
 *
 * @example
 * const callByName = (instance: Instance<AnyFunctions>, name: string) => instance.call(name)
 */
export interface AnyFunctions {
  [name: string]: (...args: unknown[]) => number | bigint | CallValues | undefined
}

/** The names of the members that are functions. */
type OwnNames<Functions> = {
  [Name in keyof Functions]: Functions[Name] extends (...args: never[]) => unknown ? Name : never
}[keyof Functions] &
  string

/**
 * The names of the functions among a program's exports: of a module and of a component itself, `'add'`; of an interface
 * that a component exports, `'my:pkg/calc#add'`.
 */
export type FunctionName<Functions> =
  | OwnNames<Functions>
  | {
      [Name in keyof Functions & string]: Functions[Name] extends (...args: never[]) => unknown
        ? never
        : `${Name}#${OwnNames<Functions[Name]>}`
    }[keyof Functions & string]

/** The function of a name. */
export type FunctionOf<Functions, Name> = Name extends keyof Functions
  ? Functions[Name]
  : Name extends `${infer Interface extends keyof Functions & string}#${infer Own}`
    ? Own extends keyof Functions[Interface]
      ? Functions[Interface][Own]
      : never
    : never

/** What a function takes. */
export type ArgumentsOf<Function> = Function extends (...args: infer Arguments) => unknown
  ? Arguments
  : never

/** What a function returns, as the values of an outcome. */
export type ValuesOf<Function> = Function extends (...args: never[]) => infer Result
  ? [CallValues] extends [Result]
    ? CallValues
    : [Result] extends [undefined | void | Promise<void>]
      ? readonly []
      : Result extends readonly unknown[]
        ? Readonly<Result>
        : readonly [Awaited<Result>]
  : never

/** The arguments of a call of the function of a name. */
export type CallArguments<Functions, Name> = ArgumentsOf<FunctionOf<Functions, Name>>

/** How a call of the function of a name ends. */
export type CallEnd<Functions, Name, Failure extends HostError> =
  CallOutcome<ValuesOf<FunctionOf<Functions, Name>>> | Failure

/** Functions that return a promise of what a program's functions return, also inside of interfaces; classes as they are. */
export type AsyncFunctions<Functions> = {
  readonly [
    Name in keyof Functions as Functions[Name] extends (...args: never[]) => unknown
      ? Name
      : Functions[Name] extends object
        ? Name
        : never
  ]: Functions[Name] extends (...args: infer Arguments) => infer Result
    ? (...args: Arguments) => Promise<Awaited<Result>>
    : Functions[Name]
}

/** What a function returns. */
export type ResultOf<Function> = Function extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never
