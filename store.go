package rollcall

import (
	"context"
	"errors"
	"time"
)

// Store is one node's hand on the database. Its methods may block until their
// context ends. Commit is called by one writer, one at a time; a Sweep may run
// beside it.
//
// An error other than [ErrSuperseded] and [ErrRejected] settles nothing: the
// batch may or may not have been applied. Every batch may be given again.
type Store interface {
	// Commit applies the batch in one transaction and renews the node's lease
	// in it. It returns ErrSuperseded, and has written nothing, when a newer
	// server has taken the node's name.
	Commit(context.Context, Batch) (Result, error)
	// Sweep removes what dead nodes left. With an error too, it may have removed
	// something.
	Sweep(context.Context) (Swept, error)
}

var (
	// ErrSuperseded means that another server runs under this node's name now.
	ErrSuperseded = errors.New("another server has taken over this node's name")
	// ErrRejected means that the database will never accept the batch as it is.
	ErrRejected = errors.New("the database rejects the content of the batch")
)

// Swept is what came of a sweep.
type Swept struct {
	Sessions int           // how many were ended, all of dead nodes
	Next     time.Duration // until the next lease of another node runs out; zero if none has one
}

// Batch is what one commit writes. A session is in at most one of its lists. Those of
// Deletes went before those of Inserts came, except for what was Admitted before: a
// user whose last session goes, and who comes back, has left and joins anew.
type Batch struct {
	Inserts []Change // sessions that came, and the rows of their users
	Touches []Change // sessions and users that were active
	Deletes []Change // sessions that went, and the rows of users who have no other
	Count   bool     // tell how many sessions the node has then
}

// Len is the number of changes in the batch.
func (b Batch) Len() int { return len(b.Inserts) + len(b.Touches) + len(b.Deletes) }

// Change is one session's part of a batch. All of it is known when the batch
// is made; each kind of change uses the fields that its comment names.
type Change struct {
	Session      SessionID
	Email        Email
	Admitted     bool      // insert: greeted before, so that the user is not looked up again; delete: it kept its user here
	ConnectedAt  time.Time // insert: of the session
	Since        time.Time // insert: of the user's first session, for the user's row
	LastActivity time.Time // insert, touch: of the session
	UserActivity time.Time // insert, touch: of the user, over all sessions
	Address      string    // insert
	UserAgent    string    // insert
	EndedAt      time.Time // delete
	Reason       string    // delete: what [Close.Cause] said; empty if it was never admitted
}

// Result is what the database said to a batch.
type Result struct {
	// Users maps the e-mail of each insert that was not Admitted before to its
	// user's row as it stands now, under the user's own spelling. An e-mail that
	// is missing is not a user's, and nothing was inserted for it.
	Users map[Email]Entry
	// Sweeps counts how often other nodes took this one for dead and removed
	// its rows. When it grows, everything must be written again.
	Sweeps int64
	// Sessions is how many the node has after the batch, if the batch asked for
	// it. When that is too few, somebody has deleted rows by hand.
	Sessions int
}
