package actors

import (
	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// Examples of the messages that the registry sends to itself, for tests that
// let them go wrong.
var (
	TickExample    any = &tick{}
	ResumedExample any = &resumed{}
)

// TellRegistry sends the registry a message as if another actor had.
func TellRegistry(p *Presence, message any) { p.system.Root.Send(p.registry, message) }

// SessionPID is what the library calls a session.
func SessionPID(p *Presence, id rollcall.SessionID) *actor.PID {
	return actor.NewPID(p.registry.Address, p.registry.Id+"/"+sessionName(id))
}
