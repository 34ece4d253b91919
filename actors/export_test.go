package actors

// Examples of the messages that the registry sends to itself, for tests that
// let them go wrong.
var (
	TickExample    any = &tick{}
	ResumedExample any = &resumed{}
)
