package export_test_tour_counters

import "runtime"

type Counter struct {
	pinner runtime.Pinner
	handle int32
	count  uint32
}

func (self *Counter) OnDrop() {}

func MakeCounter(start uint32) *Counter { return &Counter{count: start} }

func (self *Counter) NextValue() uint32 {
	self.count++
	return self.count
}

// What is taken over is kept: the handle that `Drop` uses is the one that was given away.
func CounterMerge(taken *Counter, seen *Counter) *Counter {
	return MakeCounter(taken.count + seen.count)
}

func (self *Counter) Current() uint32 { return self.count }

func Make(start []uint32) []*Counter {
	counters := make([]*Counter, len(start))
	for index, each := range start {
		counters[index] = MakeCounter(each)
	}
	return counters
}

func Finish(taken *Counter) uint32 {
	return taken.count
}

func Total(seen []*Counter) uint32 {
	var total uint32
	for _, each := range seen {
		total += each.count
	}
	return total
}
