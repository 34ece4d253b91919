package actors

import (
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

const (
	// answerTimeout is when a commit counts as failed whose answer was lost. It
	// is more than the writer takes.
	answerTimeout = commitTimeout + time.Second
	// retryLeast and retryMost bound the pause after a failed commit, which
	// doubles with each failure: short enough to be right again within a
	// second of the database's return.
	retryLeast = 25 * time.Millisecond
	retryMost  = 400 * time.Millisecond
	// renewalsPerLease leaves room for two renewals to fail.
	renewalsPerLease = 3
)

// commit gives the writer the next batch, if it is free and there is one.
func (r *registry) commit(c actor.Context) {
	now := time.Now()
	if now.Before(r.retryAt) {
		return
	}
	// After a failure the lease is renewed at once, even if nothing else is to be
	// written: only a commit tells whether the rows were removed meanwhile.
	renew := r.failures > 0 || now.Sub(r.renewed) >= r.presence.config.Lease/renewalsPerLease
	if b, number, ok := r.roster.batch(renew); ok {
		r.committing = now
		if renew {
			r.renewed = now
		}
		c.Send(r.writer, &Commit{Number: number, Batch: b})
	}
}

func (r *registry) committed(c actor.Context, m *Committed) {
	if r.roster.flight == nil || m.Number != r.roster.number {
		return // a late answer says nothing of the database now
	}
	if r.failures > 0 {
		r.log.Info("database is back", "failed_commits", r.failures)
	}
	r.failures, r.confirmed = 0, r.committing
	r.carryOut(c, r.roster.committed(m.Number, m.Result, time.Now()))
	r.settle()
}

func (r *registry) commitFailed(c actor.Context, m *CommitFailed) {
	if m.Number != r.roster.number {
		return
	}
	if isFinal(m.Err) {
		r.presence.fail(m.Err)
		r.closeAll(c, rollcall.CloseRestarting)
		return
	}
	if r.failures == 0 {
		r.log.Warn("commit failed; it is tried again", "error", m.Err)
	}
	r.failures++
	pause := min(retryLeast<<min(r.failures-1, 8), retryMost)
	r.retryAt = time.Now().Add(pause/2 + rand.N(pause/2))
	r.carryOut(c, r.roster.failed(m.Number, m.Err, time.Now()))
}
