package export_test_tour_values

import (
	"slices"
	"strconv"
	"strings"

	. "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/test_tour_values"
)

type (
	Colour      = test_tour_values.Colour
	Permissions = test_tour_values.Permissions
	Days        = test_tour_values.Days
	Point       = test_tour_values.Point
	Item        = test_tour_values.Item
	Shape       = test_tour_values.Shape
	Failure     = test_tour_values.Failure
)

func Negate(value bool) bool { return !value }

func Integers(a uint8, b uint16, c uint32, d uint64, e int8, f int16, g int32, h int64) (uint8, uint16, uint32, uint64, int8, int16, int32, int64) {
	return a, b, c, d, e, f, g, h
}

func Floats(a float32, b float64) (float32, float64) { return a, b }

func NextChar(value rune) rune { return value + 1 }

func Greet(name string) string { return "Grüße, " + name + "!" }

func Split(text string) []string { return strings.Split(text, " ") }

func Reverse(bytes []uint8) []uint8 {
	slices.Reverse(bytes)
	return bytes
}

func Unsigned(a []uint16, b []uint32, c []uint64) ([]uint16, []uint32, []uint64) { return a, b, c }

func Signed(a []int8, b []int16, c []int32, d []int64) ([]int8, []int16, []int32, []int64) {
	return a, b, c, d
}

func Halves(a []float32, b []float64) ([]float32, []float64) {
	for index := range a {
		a[index] /= 2
	}
	for index := range b {
		b[index] /= 2
	}
	return a, b
}

func BoolsAndChars(a []bool, b []rune) ([]bool, []rune) { return a, b }

func NextColour(value Colour) Option[Colour] {
	if value == test_tour_values.Colour_DarkBlue {
		return None[Colour]()
	}
	return Some(value + 1)
}

func Complement(value Permissions) Permissions {
	return ^value & (test_tour_values.Permissions_Read | test_tour_values.Permissions_Write | test_tour_values.Permissions_MayExecute)
}

func AllDays(value Days) Days { return value }

func Move(start Point, by Tuple2[int32, int32]) Point {
	return Point{X: start.X + by.F0, Y: start.Y + by.F1}
}

func Items(values []Item) []Item {
	slices.Reverse(values)
	return values
}

func Shapes(values []Shape) []Shape { return values }

func Area(of Shape) Result[float64, Failure] {
	switch of.Tag() {
	case test_tour_values.Shape_Empty:
		return Ok[float64, Failure](0)
	case test_tour_values.Shape_Circle:
		return Ok[float64, Failure](3 * of.Circle() * of.Circle())
	case test_tour_values.Shape_NamedShape:
		return Err[float64](test_tour_values.MakeFailureUnknownName(of.NamedShape()))
	default:
		return Err[float64](test_tour_values.MakeFailureHasNoArea())
	}
}

func Parse(text string) Result[uint32, string] {
	number, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return Err[uint32]("not a number: " + text)
	}
	return Ok[uint32, string](uint32(number))
}

func Check(good bool) Result[Unit, Unit] {
	if good {
		return Ok[Unit, Unit](Unit{})
	}
	return Err[Unit](Unit{})
}

func OnlyError(text Option[string]) Result[Unit, string] {
	if text.Tag() == OptionSome {
		return Err[Unit](text.Some())
	}
	return Ok[Unit, string](Unit{})
}

func OnlyValue(value Option[uint32]) Result[uint32, Unit] {
	if value.Tag() == OptionSome {
		return Ok[uint32, Unit](value.Some())
	}
	return Err[uint32](Unit{})
}

func Nested(value Option[Option[string]]) Option[Option[string]] { return value }

func Results(values []Result[uint32, string]) []Result[uint32, string] { return values }

func Nothing() {}
