// Package rollcall is the vocabulary of a presence server: the words that its
// actors, its transport and its persistence share, and the small interfaces
// through which they meet. It answers one question: who is here now?
//
// A client opens a WebSocket (a [Socket]) with its [Email]. [Presence] admits
// it once a [Store] has committed its row, and from then on a [Session] speaks
// for it. Everybody who is online is an [Entry] of the [Snapshot]. However a
// session ends, its entry and its row go with it.
package rollcall

import (
	"context"
	"iter"
	"time"

	"github.com/google/uuid"
)

// SessionID names one session for ever: it is the key of its row, and a late
// message or write that carries it can never be taken for another's.
type SessionID = uuid.UUID

// Entry is one user's presence: present exactly while the user has a session.
type Entry struct {
	Email        Email
	ConnectedAt  time.Time // of the first session; it stays while the user stays online
	LastActivity time.Time // of the newest frame over all the user's sessions
}

// Snapshot is everybody who was online at one instant.
type Snapshot struct {
	// Version grows with every change of what a snapshot shows: of one Presence,
	// two snapshots with the same version are the same.
	Version uint64
	Count   int
	Entries iter.Seq[Entry] // oldest connection first, then by e-mail
}

// Connect is a socket's request to be admitted.
type Connect struct {
	Email     Email
	Socket    Socket
	Address   string // of the peer, for the record
	UserAgent string // as the client names itself, for the record
}

// Presence knows who is here. The actors implement it and the transport asks.
type Presence interface {
	// Admit answers after the socket's row is committed and its greeting is
	// queued. It refuses with a [Close], and with [CloseTryAgainLater] when no
	// answer came before the context's end.
	Admit(context.Context, Connect) (Session, error)
	// Snapshot answers from memory and never waits for the database. Its only
	// error is that no answer came before the context's end.
	Snapshot(context.Context) (Snapshot, error)
	// Version returns the version of the snapshot that Snapshot would give now,
	// unless it has to be asked for.
	Version() (version uint64, known bool)
	// Health answers from memory, too. That no answer came before the context's
	// end is an obstacle like any other.
	Health(context.Context) Health
}

// Session speaks for one admitted socket.
type Session interface {
	// Receive hands over one frame of the client, to be answered in order.
	Receive(Frame)
	// Leave says that the socket is gone. It may be called more than once.
	Leave()
}

// Frame is one message of a client, lent to a session until Release.
type Frame interface {
	// Text returns the payload, and false if the message was binary.
	Text() ([]byte, bool)
	// Release gives the frame back, and with it the credit to read another.
	Release()
}

// Socket is one live WebSocket. Its methods never block.
type Socket interface {
	// Send queues one text message, which nobody changes from then on: it may be
	// in the queues of others. It reports false when the socket is closed or its
	// queue is full, which ends the socket.
	Send(frame []byte) bool
	// Close ends the socket, once: later calls change nothing. A client that has
	// said goodbye gets its own code back, whatever is given here.
	Close(Close)
	// Ended returns what ended the socket, or what its client said goodbye with;
	// false while it is open.
	Ended() (Close, bool)
}

// Policy says what happens when a user who is online connects again.
type Policy string

// The policies. Under all of them a user has one entry and one row.
const (
	PolicyMany   Policy = "many"   // both stay; the user is online until the last one closes
	PolicyNewest Policy = "newest" // the older is closed with [CloseReplaced]
	PolicyOldest Policy = "oldest" // the newer is refused with [CloseAlreadyConnected]
)
