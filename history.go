package rollcall

import (
	"context"
	"errors"
	"time"
)

// Ended is one session that is over.
type Ended struct {
	ID           SessionID
	Email        Email
	Node         string
	ConnectedAt  time.Time
	EndedAt      time.Time
	LastActivity time.Time
	Reason       string
	Address      string
	UserAgent    string
}

// HistoryQuery asks for ended sessions. The zero value of a field asks for all.
type HistoryQuery struct {
	Email    Email
	From, To time.Time // when the session was there at all: it ended after From and began before To
	After    string    // the cursor of the page before
	Limit    int       // sessions on a page; it must be positive
}

// HistoryPage is a part of the answer, newest end first.
type HistoryPage struct {
	Sessions []Ended
	Next     string // the cursor of the next page; empty on the last
}

// ErrBadCursor means that a cursor is none that was given out.
var ErrBadCursor = errors.New("the cursor is none of ours")

// SessionElsewhere is a session on another node, as the database has it.
type SessionElsewhere struct {
	SessionState
	Email Email // as its user spells it
	Node  string
}

// History is what the database knows of users beyond this node's memory: who was
// here, and who is elsewhere.
type History interface {
	// History returns a page. A cursor that it never gave is [ErrBadCursor].
	History(context.Context, HistoryQuery) (HistoryPage, error)
	// LastSeen returns when the newest ended session of each user ended. Who is
	// missing has none that is kept.
	LastSeen(context.Context, []Email) (map[Email]time.Time, error)
	// Known maps those of the e-mails that are users' to how the users spell them.
	Known(context.Context, []Email) (map[Email]Email, error)
	// Elsewhere returns the sessions that a user has on other nodes, oldest first:
	// of those that live, and of those that died and were not swept yet.
	Elsewhere(context.Context, Email) ([]SessionElsewhere, error)
}
