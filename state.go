package rollcall

import (
	"context"
	"time"
)

// UserState is one user as presence knows it at an instant.
type UserState struct {
	Email    Email
	Online   bool
	Entry    Entry          // if online
	Sessions []SessionState // if online, oldest first
}

// SessionState is one session of a user who is here.
type SessionState struct {
	ID           SessionID
	ConnectedAt  time.Time
	LastActivity time.Time
	Address      string
	UserAgent    string
}

// Reaching is the part of presence that looks at single users, and speaks to them.
// All of it is answered from memory; the errors are that no answer came before the
// context's end.
type Reaching interface {
	// Find returns the state of each user, in the order asked.
	Find(context.Context, []Email) ([]UserState, error)
	// Push sends a frame to every session of the users, or of everybody if there is
	// no list, and returns how many took it. One that is slow is ended and does not
	// count.
	Push(ctx context.Context, to []Email, everybody bool, frame []byte) (took int, err error)
	// Disconnect ends every session of a user, and returns how many it were.
	Disconnect(context.Context, Email, Close) (int, error)
	// DisconnectSession ends one, and answers false if there is none.
	DisconnectSession(context.Context, SessionID, Close) (bool, error)
}
