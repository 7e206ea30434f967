package export_test_tour_work

import (
	. "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/test_tour_store"
)

type (
	Cursor     = test_tour_store.Cursor
	StoreError = test_tour_store.StoreError
)

func restOf(cursor *Cursor) uint32 {
	defer cursor.Drop()
	var total uint32
	for value := cursor.NextValue(); value.Tag() == OptionSome; value = cursor.NextValue() {
		total += value.Some()
	}
	return total
}

func Lookup(key string) Option[string] { return test_tour_store.Get(key) }

func Save(entries []Tuple2[string, string]) Result[uint32, StoreError] {
	return test_tour_store.PutAll(entries)
}

func Sum(start uint32) uint32 { return restOf(test_tour_store.MakeCursor(start)) }

func SumOf(name string) Result[uint32, StoreError] {
	opened := test_tour_store.Open(name)
	if opened.Tag() == ResultErr {
		return Err[uint32](opened.Err())
	}
	return Ok[uint32, StoreError](restOf(opened.Ok()))
}

func Drain(taken *Cursor) uint32 { return restOf(taken) }

func Look(seen *Cursor) uint32 {
	defer seen.Drop() // the borrow
	return test_tour_store.Rest(seen)
}

func Started(start uint32) *Cursor {
	cursor := test_tour_store.MakeCursor(start)
	cursor.NextValue()
	return cursor
}

func Asked() uint32 { return test_tour_store.CursorAsked() }
