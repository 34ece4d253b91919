package actors

import (
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// resumed settles by level what a crash left open: the batch in flight, the sweep,
// the members without a session, and whoever was waiting.
func (r *registry) resumed(c actor.Context) {
	r.sweepAt = time.Time{} // the crash may have swallowed the word that one is over
	r.carryOut(c, r.roster.failed(r.roster.number, errCrashed, time.Now()))
	r.reconcile(c)
}

// reconcile makes members, children and sockets equal again, whatever message
// was lost on the way.
func (r *registry) reconcile(c actor.Context) {
	r.reconciled = time.Now()
	r.feel()
	missing := r.roster.here()
	for _, child := range c.Children() {
		id, ok := sessionOf(strings.TrimPrefix(child.Id, c.Self().Id+"/"))
		if !ok {
			continue // the writer or the sweeper
		}
		m := missing[id]
		delete(missing, id)
		if m == nil {
			c.Stop(child)
			continue
		}
		if _, ended := m.connect.Socket.Ended(); ended {
			c.Send(child, &Gone{})
		} else if m.ending != nil {
			c.Send(child, &End{Close: *m.ending})
		}
	}
	for id, m := range missing {
		if r.pulses[id] == nil {
			r.spawn(c, m)
		} else {
			r.leave(id)
		}
	}
	if r.closing != nil {
		r.closeAll(c, *r.closing)
	}
}
