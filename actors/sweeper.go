package actors

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

const (
	// sweepTimeout is how long a sweep may take; the next one does the rest.
	sweepTimeout = 5 * time.Second
	// sweepOverdue is when a sweep counts as over whose answer was lost.
	sweepOverdue = 2 * sweepTimeout
)

// sweeper removes what dead nodes left. It is not the writer, because nobody who
// connects should wait for it: a sweep may be long, or stand before a lock.
type sweeper struct {
	store   rollcall.Store
	log     *slog.Logger
	working context.Context
}

func sweeperProps(p *Presence) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &sweeper{store: p.config.Store, log: p.config.Logger, working: p.working}
	}, p.config.props(RoleSweeper, actor.WithMailbox(actor.UnboundedLockfree()))...)
}

func (s *sweeper) Receive(c actor.Context) {
	if _, ok := c.Message().(*Sweep); ok {
		s.sweep()
		c.Send(c.Parent(), &Swept{})
	}
}

func (s *sweeper) sweep() {
	ctx, cancel := context.WithTimeout(s.working, sweepTimeout)
	defer cancel()
	n, err := s.store.Sweep(ctx)
	switch {
	case err != nil:
		s.log.Debug("sweep failed; the next one will do", "error", err)
	case n > 0:
		s.log.Info("swept the sessions of dead nodes", "sessions", n)
	}
}
