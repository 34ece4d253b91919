package actors

import (
	"time"

	"github.com/rollcall/rollcall"
)

// moment is a time as every table and every answer has it: microseconds since 1970.
// Of those who are here there are many, and a [time.Time] takes three times as much.
type moment int64

func momentOf(t time.Time) moment { return moment(t.UnixMicro()) }

func (m moment) time() time.Time { return time.UnixMicro(int64(m)).UTC() }

// entry is a [rollcall.Entry] as it is kept.
type entry struct {
	email        rollcall.Email
	connectedAt  moment
	lastActivity moment
}

func entryOf(e rollcall.Entry) entry {
	return entry{e.Email, momentOf(e.ConnectedAt), momentOf(e.LastActivity)}
}

// told is the entry as others have it.
func (e entry) told() rollcall.Entry {
	return rollcall.Entry{Email: e.email, ConnectedAt: e.connectedAt.time(), LastActivity: e.lastActivity.time()}
}

// listedBefore is the order of a snapshot: oldest connection first, then by e-mail.
func listedBefore(a, b entry) bool {
	if a.connectedAt != b.connectedAt {
		return a.connectedAt < b.connectedAt
	}
	return a.email < b.email
}
