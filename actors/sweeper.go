package actors

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

const (
	// sweepTimeout is how long a sweep may take; the next one does the rest.
	sweepTimeout = 4 * time.Second
	// sweepOverdue is when a sweep counts as over whose answer was lost.
	sweepOverdue = sweepTimeout + time.Second
	// sweepPause is the least time from one sweep to the next, and that after one
	// that failed, which doubles with each failure up to sweepPauseMost: other
	// servers may have short leases, or hold the rows of a dead one.
	sweepPause     = 250 * time.Millisecond
	sweepPauseMost = 2 * time.Second
)

// sweeper removes what dead nodes left. It is not the writer, because nobody who
// connects should wait for it: a sweep may be long, or stand before a lock.
type sweeper struct {
	store   rollcall.Store
	working context.Context
}

func sweeperProps(p *Presence) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &sweeper{store: p.config.Store, working: p.working}
	}, p.config.props(RoleSweeper, actor.WithMailbox(actor.UnboundedLockfree()))...)
}

func (s *sweeper) Receive(c actor.Context) {
	if _, ok := c.Message().(*Sweep); ok {
		s.sweep(c)
	}
}

func (s *sweeper) sweep(c actor.Context) {
	ctx, cancel := context.WithTimeout(s.working, sweepTimeout)
	defer cancel()
	swept, err := s.store.Sweep(ctx)
	c.Send(c.Parent(), &Swept{Result: swept, Err: err})
}

// sweep asks for the next sweep, if it is due.
func (r *registry) sweep(c actor.Context, now time.Time) {
	if now.Before(r.sweepAt) {
		return
	}
	r.sweepAt = now.Add(sweepOverdue)
	c.Send(r.sweeper, &Sweep{})
}

// swept makes the next sweep due when the next lease runs out: whoever was on a
// dead node is listed no longer than that. A third of a lease is as long as it
// waits, since nodes come whose leases nobody knew of.
func (r *registry) swept(m *Swept) {
	wait := r.presence.config.Lease / renewalsPerLease
	if m.Result.Next > 0 {
		wait = min(wait, m.Result.Next)
	}
	switch {
	case m.Err != nil:
		if r.sweepFailures++; r.sweepFailures == 1 {
			r.log.Warn("sweep failed; it is tried again", "error", m.Err)
		}
		pause := min(sweepPause<<min(r.sweepFailures-1, 8), sweepPauseMost)
		wait = pause/2 + rand.N(pause/2) // all nodes fail at the same time
	case r.sweepFailures > 0:
		r.log.Info("sweep succeeded again", "failed_sweeps", r.sweepFailures)
		r.sweepFailures = 0
	}
	if n := m.Result.Sessions; n > 0 {
		r.log.Info("swept the sessions of dead nodes", "sessions", n)
	}
	r.sweepAt = time.Now().Add(max(wait, sweepPause))
}
