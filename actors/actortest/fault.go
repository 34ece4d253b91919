package actortest

import (
	"reflect"
	"sync"
	"time"

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
	Late                   // the message comes again two seconds later, behind others, and not now
	Block                  // the actor is stuck for half a minute, and then handles it
)

const (
	lateness = 2 * time.Second
	// BlockTime is how long a Block takes.
	BlockTime = 30 * time.Second
)

// faults are the faults that are switched on, and what has been seen so far.
type faults struct {
	mu    sync.Mutex
	armed []*fault
	seen  map[kind]int
}

// kind is the messages of one type to actors of one role.
type kind struct {
	role    actors.Role
	message reflect.Type
}

type fault struct {
	kind
	how  How
	left int
}

func (f *faults) add(role actors.Role, example any, how How, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = append(f.armed, &fault{kind{role, reflect.TypeOf(example)}, how, n})
}

// next finds the fault for a message, and counts both.
func (f *faults) next(role actors.Role, message any) (How, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := kind{role, reflect.TypeOf(message)}
	f.seen[k]++
	for _, one := range f.armed {
		if one.kind == k && one.left > 0 {
			one.left--
			return one.how, true
		}
	}
	return 0, false
}

// Props are for a presence that is not the kit's, such as that of a whole program:
// the first n messages like the example, to actors of that role, go wrong.
func Props(role actors.Role, example any, how How, n int) map[actors.Role][]actor.PropsOption {
	f := &faults{seen: make(map[kind]int)}
	f.add(role, example, how, n)
	return f.props()
}

// props put a middleware before every actor. It sees lifecycle messages too.
func (f *faults) props() map[actors.Role][]actor.PropsOption {
	props := make(map[actors.Role][]actor.PropsOption)
	for _, role := range []actors.Role{actors.RoleRegistry, actors.RoleWriter, actors.RoleSweeper, actors.RoleSession} {
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
			case how == Late:
				message, self, root := envelope.Message, c.Self(), c.ActorSystem().Root
				time.AfterFunc(lateness, func() { root.Send(self, message) })
			case how == Block:
				time.Sleep(BlockTime)
				next(c, envelope)
			}
		}
	}
}
