package actors

import (
	"errors"
	"time"

	"github.com/rollcall/rollcall"
)

// maxBatch bounds the changes of one commit. What is beyond it waits for the
// next one, so that a storm of connects does not make its first wait for its last.
const maxBatch = 1000

const (
	// touchesBeside bounds the activity in a batch that somebody comes or goes with:
	// they wait for its end, and nobody waits for the activity.
	touchesBeside = maxBatch / 4
	// touchesShare is the part of a batch that is kept for activity, if any is due,
	// however many come and go: it is late then, but does not stand still.
	touchesShare = 16
)

// kind is what a member needs of the database.
type kind uint8

const (
	nothing kind = iota
	insert
	touch
	remove
)

// change is a member's part of the batch in flight.
type change struct {
	member   *member
	kind     kind
	admitted bool // of an insert: the user was not looked up
}

// need compares what should be true of a member with what is known of its row.
func (m *member) need() kind {
	switch {
	case m.phase == gone && m.row == absent:
		return nothing
	case m.phase == gone:
		return remove
	case m.row != present:
		return insert
	case m.touched:
		return touch
	}
	return nothing
}

// enqueue makes a member part of a coming batch. One that is in flight is
// looked at again when it has landed.
func (r *roster) enqueue(m *member) {
	if !m.queued && !m.flying {
		r.queue = append(r.queue, m)
	}
	m.queued = true
}

// batch takes the next batch from the queue. It answers false while one is in
// flight, and when there is nothing to write and no lease to renew. Each commit
// renews the lease; one that was asked to also compares the number of rows.
func (r *roster) batch(renew bool) (b rollcall.Batch, number uint64, ok bool) {
	if r.flight != nil {
		return b, 0, false
	}
	taken := 0
	room := r.roomForChanges()
	flight := make([]change, 0, min(len(r.queue)+len(r.due), r.room))
	for _, m := range r.queue {
		if len(flight) == room {
			break
		}
		taken++
		m.queued = false
		switch m.need() {
		case insert:
			b.Inserts = append(b.Inserts, m.insertion())
			flight = append(flight, change{m, insert, m.listed()})
		case remove:
			b.Deletes = append(b.Deletes, rollcall.Change{Session: m.id, Email: m.connect.Email,
				Admitted: m.admitted, EndedAt: m.endedAt.time(), Reason: m.cause})
			flight = append(flight, change{m, remove, true})
		case nothing:
			r.forget(m)
			continue
		case touch: // was told when it became so
			continue
		}
		m.flying, m.touched = true, false
	}
	r.queue = rest(r.queue, taken)
	flight = r.addTouches(&b, flight)
	if len(flight) == 0 && !renew {
		return b, 0, false
	}
	r.flight, r.counting, b.Count = flight, renew, renew
	r.number++
	return b, r.number, true
}

// roomForChanges leaves activity its share. Where there is room for one alone, it is
// that of whoever comes or goes.
func (r *roster) roomForChanges() int {
	return r.room - min(len(r.due), max(1, r.room/touchesShare), r.room-1)
}

// addTouches fills a batch with activity that is due, as far as there is room. Of a
// member whose row has to change, or is in the batch, the row says it.
func (r *roster) addTouches(b *rollcall.Batch, flight []change) []change {
	room := r.room - len(flight)
	if len(flight) > 0 {
		room = min(room, touchesBeside)
	}
	b.Touches = make([]rollcall.Change, 0, min(len(r.due), room))
	taken := 0
	for _, m := range r.due {
		if len(b.Touches) == room {
			break
		}
		taken++
		m.lined = false
		if m.flying || m.need() != touch {
			continue
		}
		b.Touches = append(b.Touches, rollcall.Change{Session: m.id, Email: m.user.email,
			LastActivity: m.lastActivity.time(), UserActivity: m.user.lastActivity.time()})
		flight = append(flight, change{m, touch, true})
		m.flying, m.touched = true, false
	}
	r.due = rest(r.due, taken)
	return flight
}

// insertion is the row that a member should have.
func (m *member) insertion() rollcall.Change {
	c := rollcall.Change{
		Session: m.id, Email: m.connect.Email, Address: m.connect.Address, UserAgent: m.connect.UserAgent,
		ConnectedAt: m.connectedAt.time(), Since: m.connectedAt.time(),
		LastActivity: m.lastActivity.time(), UserActivity: m.lastActivity.time(),
	}
	if m.listed() {
		c.Admitted, c.Since, c.UserActivity = true, m.user.connectedAt.time(), m.user.lastActivity.time()
	}
	return c
}

// forget drops a member of whom nothing is left.
func (r *roster) forget(m *member) {
	if m.phase == gone && m.row == absent {
		delete(r.members, m.id)
	}
}

// committed settles the batch in flight. A late answer, of another number,
// changes nothing.
func (r *roster) committed(number uint64, result rollcall.Result, now time.Time) (o outcome) {
	if r.flight == nil || number != r.number {
		return o
	}
	flight := r.flight
	r.flight = nil
	r.room = min(maxBatch, 2*r.room)
	r.land(flight)
	for _, c := range flight {
		switch c.kind {
		case insert:
			r.inserted(c, result, now, &o)
		case remove:
			c.member.row = absent
			r.forget(c.member)
		}
	}
	swept := result.Sweeps > r.sweeps
	if swept || r.counting && result.Sessions < len(r.members) && result.Sessions < r.present() {
		r.sweeps = result.Sweeps
		o.doubted = r.doubtRows()
	}
	return o
}

// land takes the members out of the batch. To whom anything happened meanwhile goes
// back, first in the queue: a session that ended must go in no later batch than the
// next session of its user comes, or the rows would show no break.
func (r *roster) land(flight []change) {
	var back []*member
	for _, c := range flight {
		c.member.flying = false
		if c.member.queued {
			back = append(back, c.member)
		}
	}
	if len(back) > 0 { // else the queue of a crowd would be copied with each batch
		r.queue = append(back, r.queue...)
	}
}

// inserted settles one insert of a committed batch.
func (r *roster) inserted(c change, result rollcall.Result, now time.Time, o *outcome) {
	m := c.member
	row, isUser := result.Users[m.connect.Email]
	if c.admitted || isUser {
		m.row = present
	} // else nothing was inserted; but an earlier attempt, whose answer was lost, may have
	switch {
	case m.phase != waiting:
	case isUser:
		r.admit(m, entryOf(row), o)
	default:
		r.refuse(m, rollcall.CloseUnknownEmail, now, o)
	}
}

// present is how many rows there are at the least, if nobody else has removed any.
func (r *roster) present() (n int) {
	for _, m := range r.members {
		if m.row == present {
			n++
		}
	}
	return n
}

// doubtRows notes that any of our rows may have been removed by others: nodes
// that took this one for dead, or a hand in the database. It returns how many. A
// row that only lingers is not written again: its user has left for the others.
func (r *roster) doubtRows() (n int) {
	n = r.endAllGraces()
	for _, m := range r.members {
		if m.row == present {
			m.row = unknown
			r.enqueue(m)
			if m.phase != gone {
				n++
			}
		}
	}
	return n
}

// failed puts the batch in flight back, first in the queue. Whether it was
// applied is unknown, unless the database rejected its content: then it was
// not, and is tried again in halves until the change that it will never accept
// stands alone. An insert is given up then, and a delete goes last, so that it
// holds up nobody.
func (r *roster) failed(number uint64, err error, now time.Time) (o outcome) {
	if r.flight == nil || number != r.number {
		return o
	}
	flight := r.flight
	r.flight = nil
	rejected := errors.Is(err, rollcall.ErrRejected)
	if rejected {
		r.room = max(1, len(flight)/2)
	}
	for _, c := range flight {
		m := c.member
		if c.kind == touch {
			m.touched = true
			if !m.lined { // else it was active meanwhile, and stands in line already
				m.lined = true
				r.due = append(r.due, m)
			}
			continue
		}
		m.queued = true
		if !rejected {
			m.row = unknown
		}
	}
	r.land(flight)
	if rejected && len(flight) == 1 {
		if flight[0].kind != touch {
			r.queue = append(r.queue[1:], r.queue[0])
		}
		r.rejected(flight[0], now, &o)
	}
	return o
}

// rejected gives up the one insert that the database will never accept.
func (r *roster) rejected(c change, now time.Time, o *outcome) {
	switch {
	case c.kind != insert:
	case c.member.phase == waiting:
		r.refuse(c.member, rollcall.CloseInternalError, now, o)
	case c.member.phase == lingering:
		r.endGrace(c.member.user)
	case c.member.phase == here:
		o.end(c.member, rollcall.CloseInternalError)
	}
}
