package rollcall

import (
	"context"
	"time"
)

// Notice is a join or a leave of a user that somebody elsewhere is to hear of, at
// least once.
type Notice struct {
	ID          int64 // of two notices of one user, the later has the greater
	Kind        EventKind
	Email       Email
	At          time.Time
	ConnectedAt time.Time // of the user's first session
	Reason      string    // of a leave: what [Close.Cause] said of the user's last session
}

// Outbox keeps notices until somebody has accepted them. It is written in the
// transaction that makes them true, and shared by all servers, of which one at a
// time has the turn.
type Outbox interface {
	// Take returns the oldest notices, at most so many, to the server whose turn it
	// is, which it stays for that long. There are none for the others, nor before a
	// pause is over.
	Take(ctx context.Context, most int, turn time.Duration) (Taken, error)
	// Accept forgets notices that were accepted. Whoever lost the turn meanwhile may
	// still do so.
	Accept(context.Context, []Notice) error
	// Postpone notes that they were not, and that nobody is to try for a while.
	Postpone(ctx context.Context, pause time.Duration) error
	// Yield gives the turn to whoever wants it.
	Yield(context.Context) error
}

// Taken is what Take found.
type Taken struct {
	Notices  []Notice
	Failures int // how often the oldest notices were tried in vain, one time after the other
	GivenUp  int // notices that were too old, and are gone
}
