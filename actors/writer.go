package actors

import (
	"context"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// commitTimeout is how long the writer waits for the database; then the batch
// counts as failed and is tried again.
const commitTimeout = 4 * time.Second

// writer is the database's turn: one batch at a time. It remembers nothing;
// what a crash leaves open is the registry's to try again.
type writer struct {
	store   rollcall.Store
	working context.Context
}

func writerProps(p *Presence) *actor.Props {
	return actor.PropsFromProducer(func() actor.Actor {
		return &writer{store: p.config.Store, working: p.working}
	}, p.config.props(RoleWriter, actor.WithMailbox(actor.UnboundedLockfree()))...)
}

func (w *writer) Receive(c actor.Context) {
	if m, ok := c.Message().(*Commit); ok {
		w.commit(c, m)
	}
}

func (w *writer) commit(c actor.Context, m *Commit) {
	ctx, cancel := context.WithTimeout(w.working, commitTimeout)
	defer cancel()
	result, err := w.store.Commit(ctx, m.Batch)
	if err != nil {
		c.Send(c.Parent(), &CommitFailed{Number: m.Number, Err: err})
		return
	}
	c.Send(c.Parent(), &Committed{Number: m.Number, Result: result})
}
