// Package runtime has memory and handles for the bindings.
package runtime

import (
	"runtime"
	"unsafe"
)

// Memory is handed out in pieces of a chunk: while it is, nothing may be allocated, because the garbage collector would
// ask for the time, and a component may not call anything then. What points into a chunk keeps it.
const chunkSize = 256 << 10

var (
	chunk = make([]uint64, chunkSize/8)
	used  uintptr
)

//go:linkname sbrk runtime.sbrk
func sbrk(size uintptr) unsafe.Pointer

//go:wasmexport cabi_realloc
func realloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if old != nil || oldSize != 0 {
		panic("nothing is reallocated")
	}
	size = (size + 7) &^ 7
	if used+size <= uintptr(len(chunk))*8 {
		piece := unsafe.Add(unsafe.Pointer(unsafe.SliceData(chunk)), used)
		used += size
		return piece
	}
	// More than a chunk has is taken from the system, and never given back.
	return sbrk(size)
}

// Unpin is called when the arguments of a call have arrived.
func Unpin() {
	if used > chunkSize/2 {
		chunk = make([]uint64, chunkSize/8)
		used = 0
	}
}

// Allocate returns memory that stays where it is until it is unpinned.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return unsafe.Pointer(align)
	}
	memory := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(memory)
	return memory
}

// Handle is that of a resource; 0 once it was given away.
type Handle struct {
	value int32
}

func MakeHandle(value int32) *Handle { return &Handle{value} }

func (handle *Handle) Use() int32 {
	if handle.value == 0 {
		panic("the resource was given away")
	}
	return handle.value
}

func (handle *Handle) Take() int32 {
	value := handle.Use()
	handle.value = 0
	return value
}

func (handle *Handle) TakeOrNil() int32 {
	value := handle.value
	handle.value = 0
	return value
}

func (handle *Handle) Set(value int32) { handle.value = value }
