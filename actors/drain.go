package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// startDrain begins the end of everything, once, for whoever asks.
func (r *registry) startDrain(c actor.Context, m *Drain) {
	if r.drained = m.Done; r.closing != nil {
		r.settle()
		return
	}
	r.closing = &m.Close
	r.closeAll(c, m.Close)
	r.settle()
}

// closeAll ends every session, and refuses every connect that waits.
func (r *registry) closeAll(c actor.Context, why rollcall.Close) {
	r.carryOut(c, r.roster.close(why, time.Now()))
	for _, m := range r.roster.here {
		r.end(c, m.id, why)
	}
}

// settle tells whoever drains that nothing is left.
func (r *registry) settle() {
	if r.drained != nil && r.roster.settled() {
		tell(r.drained, struct{}{})
		r.drained = nil
	}
}
