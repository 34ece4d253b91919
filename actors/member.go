package actors

import (
	"time"

	"github.com/rollcall/rollcall"
)

// phase is what should be true of a session.
type phase uint8

const (
	waiting   phase = iota // it asked to be admitted
	here                   // it was admitted
	lingering              // it ended, and its user may come back: see grace
	gone                   // it ended, or will not be admitted any more
)

// row is what is known of a session in the database.
type row uint8

const (
	absent  row = iota
	present     // committed
	unknown     // a commit failed, which may have happened all the same
)

// member is one session on the roster.
type member struct {
	id           rollcall.SessionID
	connect      rollcall.Connect
	user         *user // while it is here
	phase        phase
	row          row
	queued       bool   // in the queue, or in flight and due for another look
	flying       bool   // in the batch that the writer has in hand
	touched      bool   // its activity is not in the database yet
	lined        bool   // in roster.touched or roster.due
	kicked       bool   // by an operator, who does not want the user to stay
	place        int    // in roster.here, while it is
	pulse        *pulse // of the session that was spawned for it
	connectedAt  moment
	lastActivity moment
	ending       *rollcall.Close // what its session was told to go with, if it was
	*passage                     // nil while it is here
}

// passage is what is to be known of a member only while it comes or goes: those
// who are here are many, and stay.
type passage struct {
	deadline time.Time // of a waiting member
	endedAt  moment    // of a gone or lingering one
	until    time.Time // of a lingering one: so long the user may come back
	cause    string    // of one that was here and is not any more
	admitted bool      // a gone or lingering one: it was here
	behind   []*member // policy oldest: later connects that wait for this one's fate
}

// end notes when and why.
func (m *member) end(cause string, now time.Time) {
	if m.passage == nil {
		m.passage = &passage{}
	}
	m.cause, m.endedAt = cause, max(momentOf(now), m.connectedAt) // the clock may have been set back
}

// greeted reports whether its session has greeted the client.
func (m *member) greeted() bool { return m.pulse != nil && m.pulse.greeted.Load() }

// listed reports whether the member keeps its user's entry.
func (m *member) listed() bool { return m.phase == here || m.phase == lingering }

// user is one entry and the members that keep it there.
type user struct {
	entry
	members   []*member
	lingering *member // the last session, while there is none and the user may come back
	moved     bool    // watchers have not heard of its last activity
}

// verdict is a close for one session.
type verdict struct {
	session rollcall.SessionID
	close   rollcall.Close
}

// outcome is what a step asks the registry to do.
type outcome struct {
	admitted []*member
	refused  []verdict // connects to be told no
	ended    []verdict // sessions to be told to go
	doubted  int       // rows that were removed by others, and are written again
}

func (o *outcome) refuse(m *member, c rollcall.Close) {
	o.refused = append(o.refused, verdict{m.id, c})
}

func (o *outcome) end(m *member, c rollcall.Close) {
	o.ended = append(o.ended, verdict{m.id, c})
}
