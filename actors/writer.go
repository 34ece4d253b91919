package actors

import (
	"context"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

const (
	// commitTimeout is how long the writer waits for the database; then the
	// batch counts as failed and is tried again.
	commitTimeout = 5 * time.Second
	// sweepTimeout is the same for a sweep, which nobody waits for.
	sweepTimeout = 5 * time.Second
)

// writer is the database's turn: one batch at a time. It remembers nothing;
// what a crash leaves open is the registry's to try again.
type writer struct {
	store rollcall.Store
	log   *slog.Logger
}

func writerProps(cfg Config) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &writer{store: cfg.Store, log: cfg.Logger}
	}, cfg.props(RoleWriter, actor.WithMailbox(actor.UnboundedLockfree()))...)
}

func (w *writer) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case *Commit:
		w.commit(c, m)
	case *Sweep:
		w.sweep()
	}
}

func (w *writer) commit(c actor.Context, m *Commit) {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	result, err := w.store.Commit(ctx, m.Batch)
	if err != nil {
		c.Send(c.Parent(), &CommitFailed{Number: m.Number, Err: err})
		return
	}
	c.Send(c.Parent(), &Committed{Number: m.Number, Result: result})
}

func (w *writer) sweep() {
	ctx, cancel := context.WithTimeout(context.Background(), sweepTimeout)
	defer cancel()
	n, err := w.store.Sweep(ctx)
	switch {
	case err != nil:
		w.log.Debug("sweep failed; the next one will do", "error", err)
	case n > 0:
		w.log.Info("swept the sessions of dead nodes", "sessions", n)
	}
}
