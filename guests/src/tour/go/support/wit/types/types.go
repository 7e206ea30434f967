// Package types has the types of WIT that Go does not have, as the bindings want them.
package types

type Unit struct{}

type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

type Tuple3[A, B, C any] struct {
	F0 A
	F1 B
	F2 C
}

type Tuple4[A, B, C, D any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
}

type Tuple8[A, B, C, D, E, F, G, H any] struct {
	F0 A
	F1 B
	F2 C
	F3 D
	F4 E
	F5 F
	F6 G
	F7 H
}

const (
	OptionNone uint8 = iota
	OptionSome
)

type Option[T any] struct {
	tag   uint8
	value T
}

func Some[T any](value T) Option[T] { return Option[T]{OptionSome, value} }

func None[T any]() Option[T] { return Option[T]{} }

func (option Option[T]) Tag() uint8 { return option.tag }

func (option Option[T]) Some() T {
	if option.tag != OptionSome {
		panic("the option is none")
	}
	return option.value
}

const (
	ResultOk uint8 = iota
	ResultErr
)

type Result[T, E any] struct {
	tag   uint8
	value T
	err   E
}

func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{tag: ResultOk, value: value} }

func Err[T, E any](err E) Result[T, E] { return Result[T, E]{tag: ResultErr, err: err} }

func (result Result[T, E]) Tag() uint8 { return result.tag }

func (result Result[T, E]) Ok() T {
	if result.tag != ResultOk {
		panic("the result is an error")
	}
	return result.value
}

func (result Result[T, E]) Err() E {
	if result.tag != ResultErr {
		panic("the result is not an error")
	}
	return result.err
}
