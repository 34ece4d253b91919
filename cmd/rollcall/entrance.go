package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rollcall/rollcall"
)

// errStarting is the answer to whoever asks before there is anybody to ask.
var errStarting = errors.New("the server is starting")

// presence is all that the transport may ask of the actors.
type presence interface {
	rollcall.Presence
	rollcall.Watching
	rollcall.Reaching
}

// entrance is the presence, the tokens and the history that the transport knows.
// It is there before them: a server that waits for its database has its port
// already, and says that it lives and cannot admit yet.
type entrance struct{ house atomic.Pointer[house] }

// house is who answers behind an open entrance.
type house struct {
	presence
	rollcall.Tokens
	history rollcall.History
}

var (
	_ presence         = (*entrance)(nil)
	_ rollcall.Tokens  = (*entrance)(nil)
	_ rollcall.History = (*entrance)(nil)
)

// open lets everybody through from now on.
func (e *entrance) open(p presence, tokens rollcall.Tokens, history rollcall.History) {
	e.house.Store(&house{p, tokens, history})
}

// Admit implements [rollcall.Presence]. A client must not wait for a database
// that may never come.
func (e *entrance) Admit(ctx context.Context, c rollcall.Connect) (rollcall.Session, error) {
	if h := e.house.Load(); h != nil {
		return h.Admit(ctx, c)
	}
	return nil, rollcall.CloseTryAgainLater
}

// Snapshot implements [rollcall.Presence]. An empty list would be a lie: the rows
// of a predecessor may still be there.
func (e *entrance) Snapshot(ctx context.Context) (rollcall.Snapshot, error) {
	if h := e.house.Load(); h != nil {
		return h.Snapshot(ctx)
	}
	return rollcall.Snapshot{}, errStarting
}

// Version implements [rollcall.Presence].
func (e *entrance) Version() (version uint64, known bool) {
	if h := e.house.Load(); h != nil {
		return h.Version()
	}
	return 0, false
}

// Health implements [rollcall.Presence].
func (e *entrance) Health(ctx context.Context) rollcall.Health {
	if h := e.house.Load(); h != nil {
		return h.Health(ctx)
	}
	return rollcall.Health{Obstacle: rollcall.ObstacleStarting}
}

// Watch implements [rollcall.Watching].
func (e *entrance) Watch(ctx context.Context) (rollcall.Snapshot, rollcall.Watch, error) {
	if h := e.house.Load(); h != nil {
		return h.Watch(ctx)
	}
	return rollcall.Snapshot{}, nil, errStarting
}

// Resume implements [rollcall.Watching].
func (e *entrance) Resume(ctx context.Context, id string) (rollcall.Watch, error) {
	if h := e.house.Load(); h != nil {
		return h.Resume(ctx, id)
	}
	return nil, errStarting
}

// Find implements [rollcall.Reaching].
func (e *entrance) Find(ctx context.Context, emails []rollcall.Email) ([]rollcall.UserState, error) {
	if h := e.house.Load(); h != nil {
		return h.Find(ctx, emails)
	}
	return nil, errStarting
}

// Push implements [rollcall.Reaching].
func (e *entrance) Push(ctx context.Context, to []rollcall.Email, everybody bool, frame []byte) (int, error) {
	if h := e.house.Load(); h != nil {
		return h.Push(ctx, to, everybody, frame)
	}
	return 0, errStarting
}

// Disconnect implements [rollcall.Reaching].
func (e *entrance) Disconnect(ctx context.Context, email rollcall.Email, why rollcall.Close) (int, error) {
	if h := e.house.Load(); h != nil {
		return h.Disconnect(ctx, email, why)
	}
	return 0, errStarting
}

// DisconnectSession implements [rollcall.Reaching].
func (e *entrance) DisconnectSession(ctx context.Context, id rollcall.SessionID, why rollcall.Close) (bool, error) {
	if h := e.house.Load(); h != nil {
		return h.DisconnectSession(ctx, id, why)
	}
	return false, errStarting
}

// Holders implements [rollcall.Tokens].
func (e *entrance) Holders(ctx context.Context, hashes []rollcall.TokenHash) (map[rollcall.TokenHash]rollcall.Holder, error) {
	if h := e.house.Load(); h != nil {
		return h.Holders(ctx, hashes)
	}
	return nil, errStarting
}

// History implements [rollcall.History].
func (e *entrance) History(ctx context.Context, q rollcall.HistoryQuery) (rollcall.HistoryPage, error) {
	if h := e.house.Load(); h != nil {
		return h.history.History(ctx, q)
	}
	return rollcall.HistoryPage{}, errStarting
}

// LastSeen implements [rollcall.History].
func (e *entrance) LastSeen(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]time.Time, error) {
	if h := e.house.Load(); h != nil {
		return h.history.LastSeen(ctx, emails)
	}
	return nil, errStarting
}

// Known implements [rollcall.History].
func (e *entrance) Known(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]rollcall.Email, error) {
	if h := e.house.Load(); h != nil {
		return h.history.Known(ctx, emails)
	}
	return nil, errStarting
}

// Elsewhere implements [rollcall.History].
func (e *entrance) Elsewhere(ctx context.Context, email rollcall.Email) ([]rollcall.SessionElsewhere, error) {
	if h := e.house.Load(); h != nil {
		return h.history.Elsewhere(ctx, email)
	}
	return nil, errStarting
}
