package transport

import (
	"context"
	"fmt"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// archiveTimeout is how long a request waits for the database, its turn
	// included; then it is answered 503.
	archiveTimeout = 5 * time.Second
	// archivePatience is the same where there is an answer without it.
	archivePatience = 500 * time.Millisecond
	// maxQuestions is how many requests may ask the database at a time: it has more
	// connections than that, and commits must never wait for readers. The next one
	// waits for its turn.
	maxQuestions = 2
)

// archive is what the database knows of those who are not here, or elsewhere too.
type archive struct {
	history rollcall.History // nil if there is none
	turns   chan struct{}    // full while maxQuestions are being asked
}

func newArchive(h rollcall.History) *archive {
	return &archive{history: h, turns: make(chan struct{}, maxQuestions)}
}

// ask puts one question.
func (a *archive) ask(ctx context.Context, timeout time.Duration, question func(context.Context, rollcall.History) error) error {
	if a.history == nil {
		return errAbsent
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	select {
	case a.turns <- struct{}{}:
		defer func() { <-a.turns }()
	case <-ctx.Done():
		return fmt.Errorf("waiting for a turn to ask the database: %w", context.Cause(ctx))
	}
	return question(ctx, a.history)
}

// known maps those of the e-mails that are users' to how the users spell them.
func (a *archive) known(ctx context.Context, emails []rollcall.Email) (known map[rollcall.Email]rollcall.Email, err error) {
	err = a.ask(ctx, archivePatience, func(ctx context.Context, h rollcall.History) (err error) {
		known, err = h.Known(ctx, emails)
		return err
	})
	return known, err
}

// elsewhere returns the sessions that a user has on other servers.
func (a *archive) elsewhere(ctx context.Context, e rollcall.Email) (sessions []rollcall.SessionElsewhere, err error) {
	err = a.ask(ctx, archivePatience, func(ctx context.Context, h rollcall.History) (err error) {
		sessions, err = h.Elsewhere(ctx, e)
		return err
	})
	return sessions, err
}

// lastSeen returns when a user's newest session ended, or zero if none is kept.
func (a *archive) lastSeen(ctx context.Context, e rollcall.Email) (at time.Time, err error) {
	err = a.ask(ctx, archivePatience, func(ctx context.Context, h rollcall.History) error {
		seen, err := h.LastSeen(ctx, []rollcall.Email{e})
		at = seen[e]
		return err
	})
	return at, err
}
