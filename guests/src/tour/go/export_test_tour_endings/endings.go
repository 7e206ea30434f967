package export_test_tour_endings

import (
	. "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/wasi_cli_exit"
)

func Crash(message string) { panic(message) }

func Leave(good bool) {
	if good {
		wasi_cli_exit.Exit(Ok[Unit, Unit](Unit{}))
	}
	wasi_cli_exit.Exit(Err[Unit](Unit{}))
}

func Spin() {
	for {
	}
}

func Hoard() {
	var kept [][]byte
	for {
		kept = append(kept, make([]byte, 1<<20))
	}
}
