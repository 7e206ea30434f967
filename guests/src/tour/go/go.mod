module wit_component

go 1.25

require go.bytecodealliance.org/pkg v0.0.0

// What the bindings need of it, since the proxy for Go modules refuses it.
replace go.bytecodealliance.org/pkg => ./support
