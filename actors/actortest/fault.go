package actortest

import (
	"reflect"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall/actors"
)

// How is a way for the handling of a message to go wrong.
type How int

// The ways.
const (
	PanicBefore How = iota // the actor crashes and the message is lost
	PanicAfter             // the actor crashes when the message has been handled
	Lose                   // the message is lost and nobody notices
	Double                 // the message is handled twice
)

// faults are the faults that are switched on.
type faults struct {
	mu    sync.Mutex
	armed []*fault
}

type fault struct {
	role    actors.Role
	message reflect.Type
	how     How
	left    int
}

func (f *faults) add(role actors.Role, example any, how How, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = append(f.armed, &fault{role, reflect.TypeOf(example), how, n})
}

// next finds the fault for a message, and counts it.
func (f *faults) next(role actors.Role, message any) (How, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.armed {
		if one.role == role && one.message == reflect.TypeOf(message) && one.left > 0 {
			one.left--
			return one.how, true
		}
	}
	return 0, false
}

// props put a middleware before every actor. It sees lifecycle messages too.
func (f *faults) props() map[actors.Role][]actor.PropsOption {
	props := make(map[actors.Role][]actor.PropsOption)
	for _, role := range []actors.Role{actors.RoleRegistry, actors.RoleWriter, actors.RoleSession} {
		props[role] = []actor.PropsOption{actor.WithReceiverMiddleware(f.middleware(role))}
	}
	return props
}

func (f *faults) middleware(role actors.Role) actor.ReceiverMiddleware {
	return func(next actor.ReceiverFunc) actor.ReceiverFunc {
		return func(c actor.ReceiverContext, envelope *actor.MessageEnvelope) {
			how, wrong := f.next(role, envelope.Message)
			switch {
			case !wrong:
				next(c, envelope)
			case how == PanicBefore:
				panic("fault: before")
			case how == PanicAfter:
				next(c, envelope)
				panic("fault: after")
			case how == Double:
				next(c, envelope)
				next(c, envelope)
			}
		}
	}
}
