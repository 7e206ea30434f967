package export_wit_world

import (
	"strings"

	"wit_component/wit_world"
)

func Shout(line string) { wit_world.Log(strings.ToUpper(line)) }
