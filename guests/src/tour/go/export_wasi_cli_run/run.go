package export_wasi_cli_run

import (
	"os"

	. "go.bytecodealliance.org/pkg/wit/types"
	"wit_component/export_test_tour_endings"
	"wit_component/export_test_tour_system"
)

func Run() Result[Unit, Unit] {
	export_test_tour_system.Print("hello from go")
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "fail":
			return Err[Unit](Unit{})
		case "crash":
			export_test_tour_endings.Crash("boom from go")
		case "leave":
			export_test_tour_endings.Leave(false)
		}
	}
	return Ok[Unit, Unit](Unit{})
}
