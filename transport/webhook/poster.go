// Package webhook tells somebody elsewhere who joined and left: it posts what is in
// the outbox, and keeps at it until it is accepted. It is the only part of the
// transport that calls others, and nobody waits for it.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// maxNotices is how many notices one post has. The others wait for the next.
	maxNotices = 200
	// lookEvery is how often an outbox is looked into that was empty, or somebody
	// else's.
	lookEvery = 500 * time.Millisecond
	// outboxTimeout is how long the database has for each step. Then it has failed,
	// and is asked again.
	outboxTimeout = 5 * time.Second
	// turnFor is how long the turn lasts without a sign of life: a post and the steps
	// before and after it. If the server dies, another one goes on so much later.
	turnFor = postTimeout + 2*outboxTimeout
	// leastPause and mostPause bound the pause after a refusal, which doubles with
	// each and has a random part. It is the same for all servers. A receiver may ask for
	// a longer one: see mostPatience.
	leastPause = 250 * time.Millisecond
	mostPause  = time.Minute
	// maxDoublings leads beyond the longest pause, and not beyond a duration.
	maxDoublings = 16
	// partingTimeout is how long the last words to the database may take when the
	// server ends. Without them the turn runs out by itself.
	partingTimeout = time.Second
)

// Config is what a poster needs.
type Config struct {
	Outbox  rollcall.Outbox
	URL     *url.URL
	Secrets Secrets
	Logger  *slog.Logger
	Through http.RoundTripper // how the URL is reached; nil: over the network
}

// Poster posts what is in the outbox, whenever it has the turn.
type Poster struct {
	outbox   rollcall.Outbox
	receiver receiver
	log      *slog.Logger

	owed    []rollcall.Notice // that were accepted, which the outbox does not know yet
	trouble bool              // that the outbox fails was said
	refused bool              // that the receiver does not accept was
}

// New makes a poster that has not begun.
func New(c Config) *Poster {
	through := c.Through
	if through == nil {
		through = newTransport()
	}
	return &Poster{outbox: c.Outbox, receiver: newReceiver(c.URL, c.Secrets, through), log: c.Logger}
}

// Run posts until the context ends, and then gives the turn to the others. What was
// being posted at that moment is posted again by whoever comes next.
func (p *Poster) Run(ctx context.Context) {
	defer p.part(ctx)
	for ctx.Err() == nil {
		if p.step(ctx) {
			continue
		}
		select {
		case <-time.After(lookEvery):
		case <-ctx.Done():
		}
	}
}

// step posts once, and reports whether there may be more to do at once.
func (p *Poster) step(ctx context.Context) (more bool) {
	if !p.settle(ctx) {
		return false
	}
	taken, ok := p.take(ctx)
	if !ok || len(taken.Notices) == 0 {
		return taken.GivenUp > 0
	}
	err := p.receiver.post(ctx, taken.Notices)
	switch {
	case err == nil:
		p.refused = false
		if taken.Failures > 0 {
			p.log.Info("webhook accepts again", "failures", taken.Failures)
		}
		p.owed = taken.Notices
		return p.settle(ctx)
	case ctx.Err() == nil: // or the server ends, and nobody has refused
		p.postpone(ctx, taken.Failures, err)
	}
	return false
}

func (p *Poster) take(ctx context.Context) (rollcall.Taken, bool) {
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	taken, err := p.outbox.Take(ctx, maxNotices, turnFor)
	if taken.GivenUp > 0 {
		p.log.Error("joins and leaves were given up: the webhook has not accepted them for a day", "count", taken.GivenUp)
	}
	return taken, p.works(ctx, err)
}

// settle tells the outbox what was accepted. Until it has heard, nothing is taken: it
// would be the same again.
func (p *Poster) settle(ctx context.Context) bool {
	if len(p.owed) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	if !p.works(ctx, p.outbox.Accept(ctx, p.owed)) {
		return false
	}
	p.owed = nil
	return true
}

// postpone lets a receiver rest that does not accept, and says so: the first time, of
// this server too if others were refused before it. One that asks for a long rest is named
// each time: nothing else tells why it is so quiet.
func (p *Poster) postpone(ctx context.Context, failures int, cause error) {
	pause := pauseAfter(failures)
	if r, ok := errors.AsType[refusal](cause); ok {
		pause = max(pause, r.pause)
	}
	level := slog.LevelDebug
	if failures == 0 || !p.refused || pause > mostPause { // the outbox counts the others
		level = slog.LevelWarn
	}
	p.refused = true
	p.log.Log(ctx, level, "webhook does not accept; it is tried again", "failures", failures+1, "pause", pause, "error", cause)
	ctx, cancel := context.WithTimeout(ctx, outboxTimeout)
	defer cancel()
	p.works(ctx, p.outbox.Postpone(ctx, pause))
}

// pauseAfter doubles from the first failure on. Its random part keeps the servers of
// many from coming to one receiver at once.
func pauseAfter(failures int) time.Duration {
	pause := min(leastPause<<min(failures, maxDoublings), mostPause)
	return pause/2 + rand.N(pause/2)
}

// works reports whether a step of the outbox has succeeded, and logs when that
// changes.
func (p *Poster) works(ctx context.Context, err error) bool {
	switch {
	case err == nil && p.trouble:
		p.log.Info("outbox answers again")
	case err != nil && !p.trouble && !errors.Is(ctx.Err(), context.Canceled):
		p.log.Warn("outbox fails; it is tried again", "error", err)
	}
	p.trouble = err != nil
	return err == nil
}

// part spares whoever posts next the wait, and a repetition.
func (p *Poster) part(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTimeout)
	defer cancel()
	if p.settle(ctx) {
		_ = p.outbox.Yield(ctx) // the turn runs out by itself
	}
}
