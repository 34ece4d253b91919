package actors

// Message flow, in the order that a socket lives. Presence is the typed door
// that the transport calls; everything else is an actor.
//
//	Presence ── Connect ──▶ registry                     a socket asks to be admitted
//	Presence ── Abandon ──▶ registry                     it does not wait any longer
//	            registry ── Commit ──▶ writer            everything that waits, as one batch
//	            registry ◀── Committed ── writer         the rows are there
//	            registry ◀── CommitFailed ── writer      nobody knows; it is tried again
//	            registry ── (spawn) ──▶ session          its Started sends the greeting
//	Presence ◀── answer ── registry                      admitted or refused
//	Presence ── Received ──▶ session                     one frame; the reply goes to the socket
//	Presence ── Ask ──▶ registry                         who is here?
//	Presence ── Watch ──▶ registry                       and what happens from now on?
//	Presence ── Find ──▶ registry                        are these here?
//	Presence ── Reach ──▶ registry                       where can they be told something?
//	Presence ── Kick ──▶ registry                        they must go
//	Presence ── Examine ──▶ registry                     could it admit?
//	Presence ── Gone ──▶ session                         its socket has nothing more to say
//	            registry ── End ──▶ session              its socket must go
//	            registry ◀── *actor.Terminated ── session, however it ended
//	            registry ── Sweep ──▶ sweeper            remove what dead nodes left
//	            registry ◀── Swept ── sweeper            and the next one may come
//	Presence ── Drain ──▶ registry                       everybody out
//
// Activity is no message: sessions leave it where the registry looks (pulse.go).
// The registry also hears tick (from the clock) and resumed (from its
// supervision, after a crash).

import (
	"time"

	"github.com/rollcall/rollcall"
)

// Connect asks the registry to admit a socket. Whoever asked waits at Answer,
// which has room for the one answer, until the Deadline and no longer.
type Connect struct {
	Session  rollcall.SessionID
	Request  rollcall.Connect
	Deadline time.Time
	Answer   chan<- Answer
}

// Abandon says that nobody waits for the answer to a Connect any more: a session
// that was admitted meanwhile has no client.
type Abandon struct {
	Session rollcall.SessionID
}

// Answer tells the door what became of a Connect: Refused, or else Admitted.
type Answer struct {
	Admitted rollcall.Session
	Refused  error
}

// Commit gives the writer its next batch.
type Commit struct {
	Number uint64
	Batch  rollcall.Batch
}

// Committed says that the batch of that number is in the database.
type Committed struct {
	Number uint64
	Result rollcall.Result
}

// CommitFailed says that nobody knows whether the batch of that number is in
// the database, unless the error is one of those that [rollcall.Store] names.
type CommitFailed struct {
	Number uint64
	Err    error
}

// Sweep asks the sweeper to remove what dead nodes left.
type Sweep struct{}

// Swept says that the sweep is over, and what came of it. The result may hold
// something of a sweep that failed, too.
type Swept struct {
	Result rollcall.Swept
	Err    error
}

// Received hands one frame of the client to its session.
type Received struct {
	Frame rollcall.Frame
}

// End tells a session to close its socket, if it is still open, and to stop.
type End struct {
	Close rollcall.Close
}

// Gone tells a session that its client is gone, or has said goodbye: it stops,
// and the registry closes the socket when it has noted that.
type Gone struct{}

// Ask asks the registry who is here. Answer has room for the one answer.
type Ask struct {
	Answer chan<- rollcall.Snapshot
}

// Watch asks the registry who is here, and where those stand who have seen all that
// happened until then. Answer has room for the one answer.
type Watch struct {
	Answer chan<- View
}

// View tells the door what a watcher begins with.
type View struct {
	Snapshot rollcall.Snapshot
	Position uint64
}

// Find asks the registry for the state of users. Answer has room for the one answer.
type Find struct {
	Emails []rollcall.Email
	Answer chan<- []rollcall.UserState
}

// Reach asks the registry for all sockets of users: the door sends to them, and the
// registry does not. Answer has room for the one answer.
type Reach struct {
	Emails []rollcall.Email
	Answer chan<- []rollcall.Socket
}

// Kick tells the registry to end the one Session, or without one all of the user's, also
// those that wait for their commit.
// Answer has room for the one answer: how many they are. It may come again.
type Kick struct {
	Email   rollcall.Email
	Session rollcall.SessionID
	Close   rollcall.Close
	Answer  chan<- int
}

// Examine asks the registry whether it could admit somebody now. Answer has
// room for the one answer.
type Examine struct {
	Answer chan<- rollcall.Health
}

// Drain tells the registry to admit nobody any more and to end every session
// with Close. Done has room for the one word that
// the last row is gone. It may come again.
type Drain struct {
	Close rollcall.Close
	Done  chan<- struct{}
}

// tick is the registry's clock: whatever is due is done. It says when it was sent.
type tick struct{ at time.Time }

// resumed tells the registry that it crashed and goes on: it reconciles.
type resumed struct{}

// IgnoreDeadLetterLogging keeps an End that finds its session gone out of the log:
// both sides may end a session, and one of them is second.
func (*End) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging does the same for a Gone.
func (*Gone) IgnoreDeadLetterLogging() {}

// IgnoreDeadLetterLogging keeps the frames that follow a session's end out of
// the log.
func (*Received) IgnoreDeadLetterLogging() {}
