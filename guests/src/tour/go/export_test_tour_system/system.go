package export_test_tour_system

import (
	"crypto/rand"
	"fmt"
	"os"
	"time"

	. "go.bytecodealliance.org/pkg/wit/types"
)

func Print(line string) { fmt.Println(line) }

func PrintError(line string) { fmt.Fprintln(os.Stderr, line) }

func Variable(name string) Option[string] {
	if value, found := os.LookupEnv(name); found {
		return Some(value)
	}
	return None[string]()
}

func Arguments() []string { return os.Args }

func Now() uint64 { return uint64(time.Now().UnixMilli()) }

func Random(count uint32) []uint8 {
	bytes := make([]uint8, count)
	rand.Read(bytes)
	return bytes
}
