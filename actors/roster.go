package actors

import (
	"slices"
	"time"

	"github.com/rollcall/rollcall"
)

// roster is the registry's bookkeeping: who is here, and how far the database
// knows it. It is a state machine without actors, clocks or SQL: each method
// is one step, and answers with what is to be done about it.
//
// It is driven by level and not by edge. For every session it holds what
// should be true (its phase) and what the database knows (its row); whatever
// differs is queued, and what a batch contains is computed when it is made.
type roster struct {
	policy  rollcall.Policy
	key     func(rollcall.Email) rollcall.Email // what makes two spellings one user
	members map[rollcall.SessionID]*member
	waiting map[rollcall.SessionID]*member // those members that have no answer yet
	coming  map[rollcall.Email]int         // how many of those are of one user, by key
	here    []*member                      // those who were admitted and have not ended; each knows its place
	leads   map[rollcall.Email]*member     // policy oldest: the one connect of a user that is decided first
	users   map[rollcall.Email]*user       // by key
	order   *listing                       // the same entries, as a snapshot lists them
	queue   []*member                      // whose row must change, in order
	touched []*member                      // active since the last flush
	due     []*member                      // active before it, and behind whoever comes or goes
	flight  []change                       // the batch that the writer has in hand
	number  uint64                         // of the last batch; late answers carry another
	sweeps  int64                          // see rollcall.Result
	room    int                            // how many changes the next batch may hold
	graces  []grace                        // in the order of their ends; of some the user has come back
	late    []*user                        // whose grace is over when the connects that wait have their answer: see endGraces

	counting bool // the batch in flight asks for the number of rows
	closed   bool // everybody goes, and nobody is expected back
}

func newRoster(policy rollcall.Policy, key func(rollcall.Email) rollcall.Email, f *feed) *roster {
	return &roster{
		policy:  policy,
		key:     key,
		members: make(map[rollcall.SessionID]*member),
		waiting: make(map[rollcall.SessionID]*member),
		coming:  make(map[rollcall.Email]int),
		leads:   make(map[rollcall.Email]*member),
		users:   make(map[rollcall.Email]*user),
		order:   newListing(f),
		room:    maxBatch,
	}
}

// connect notes a session that asks to be admitted. A second step with the
// same session changes nothing.
func (r *roster) connect(id rollcall.SessionID, c rollcall.Connect, now, deadline time.Time) (o outcome) {
	if r.members[id] != nil {
		return o
	}
	m := &member{
		id: id, connect: c, connectedAt: momentOf(now), lastActivity: momentOf(now),
		passage: &passage{deadline: deadline},
	}
	if r.policy == rollcall.PolicyOldest {
		if u := r.users[r.key(c.Email)]; u != nil && u.lingering == nil {
			o.refuse(m, rollcall.CloseAlreadyConnected)
			return o
		}
		if lead := r.leads[r.key(c.Email)]; lead != nil {
			lead.behind = append(lead.behind, m)
			return o
		}
	}
	r.wait(m)
	return o
}

// wait puts a member in line for the database's answer.
func (r *roster) wait(m *member) {
	r.members[m.id] = m
	r.waiting[m.id] = m
	key := r.key(m.connect.Email)
	r.coming[key]++
	if r.policy == rollcall.PolicyOldest {
		r.leads[key] = m
	}
	r.enqueue(m)
}

// answered takes a member out of the line, and returns those behind it.
func (r *roster) answered(m *member) (behind []*member) {
	delete(r.waiting, m.id)
	key := r.key(m.connect.Email)
	if r.coming[key]--; r.coming[key] == 0 {
		delete(r.coming, key)
	}
	delete(r.leads, key)
	behind, m.behind = m.behind, nil
	return behind
}

// touch notes activity: in the snapshot at once, in the database with the next flush.
func (r *roster) touch(id rollcall.SessionID, now time.Time) {
	m, at := r.members[id], momentOf(now)
	if m == nil || m.phase != here || at <= m.lastActivity {
		return
	}
	m.lastActivity = at
	if at > m.user.lastActivity {
		m.user.lastActivity = at
		r.order.touch(m.user)
	}
	r.tell(m)
}

// tell makes a member's activity, and its user's, part of the next flush.
func (r *roster) tell(m *member) {
	m.touched = true
	if !m.lined { // else it is in line since before its last batch
		m.lined = true
		r.touched = append(r.touched, m)
	}
}

// flush makes the activity since the last flush part of the next batches.
func (r *roster) flush() {
	r.due = append(r.due, r.touched...)
	r.touched = nil
}

// leave notes that an admitted session is gone, and until when its user may come
// back; without a time, they may not. However a session ends, this is its way out.
func (r *roster) leave(id rollcall.SessionID, cause string, now, until time.Time) {
	m := r.members[id]
	if m == nil || m.phase != here {
		return
	}
	r.part(m)
	u := m.user
	u.members = slices.DeleteFunc(u.members, func(other *member) bool { return other == m })
	m.end(cause, now)
	m.admitted = true
	switch {
	case len(u.members) == 0 && r.mayReturn(m, cause, until):
		r.linger(m, until)
		return
	case len(u.members) == 0 && r.coming[r.key(u.email)] > 0:
		r.lingerForAnswer(m)
		return
	case len(u.members) == 0:
		r.removeEntry(u, cause, m.endedAt)
	case m.touched || m.flying: // the user was active, and the row may never hear of it from this member
		r.tell(u.members[0])
	}
	m.user = nil
	r.drop(m)
}

// part takes a member off the list of those who are here. Its row may be long in
// going, and what the socket held goes at once.
func (r *roster) part(m *member) {
	m.connect.Socket, m.pulse = nil, nil
	last := len(r.here) - 1
	r.here[m.place], r.here[last].place = r.here[last], m.place
	r.here[last] = nil
	r.here = r.here[:last]
}

// removeEntry is the only place where an entry goes.
func (r *roster) removeEntry(u *user, cause string, at moment) {
	r.order.leave(u, cause, at)
	delete(r.users, r.key(u.email))
}

// drop leaves to the queue what remains of a member's row.
func (r *roster) drop(m *member) {
	m.phase = gone
	r.enqueue(m)
}

// expire ends what was waited for: the graces whose time has passed, and the
// connects whose deadline has. One that is in flight
// is left to its commit: admitted too late, its socket is closed already and
// ends it the usual way.
func (r *roster) expire(now time.Time) (o outcome) {
	for _, m := range r.waiting {
		m.behind = keepBefore(m.behind, now, &o)
		if !m.flying && !now.Before(m.deadline) {
			r.refuse(m, rollcall.CloseTryAgainLater, now, &o)
		}
	}
	r.endGraces(now)
	return o
}

// keepBefore drops and refuses the members whose deadline has passed.
func keepBefore(ms []*member, now time.Time, o *outcome) []*member {
	kept := ms[:0]
	for _, m := range ms {
		if now.Before(m.deadline) {
			kept = append(kept, m)
		} else {
			o.refuse(m, rollcall.CloseTryAgainLater)
		}
	}
	return kept
}

// close refuses everybody who still waits, and expects nobody back any more.
func (r *roster) close(c rollcall.Close, now time.Time) (o outcome) {
	r.closed = true
	r.endAllGraces()
	for _, m := range r.waiting {
		r.refuseAll(m, c, now, &o)
	}
	return o
}

// refuseAll ends a waiting member and the connects behind it.
func (r *roster) refuseAll(m *member, c rollcall.Close, now time.Time, o *outcome) {
	for _, b := range m.behind {
		o.refuse(b, c)
	}
	m.behind = nil
	r.refuse(m, c, now, o)
}

// refuse ends a waiting member. The connects behind it share its fate if that
// was about the user; else the first of them takes its place.
func (r *roster) refuse(m *member, c rollcall.Close, now time.Time, o *outcome) {
	o.refuse(m, c)
	behind := r.answered(m)
	m.end("", now)
	r.drop(m)
	switch {
	case len(behind) == 0:
	case c == rollcall.CloseUnknownEmail:
		for _, b := range behind {
			o.refuse(b, c)
		}
	default:
		behind[0].behind = behind[1:]
		r.wait(behind[0])
	}
}

// admit makes a committed member present. The entry follows the row, which may
// be older: of a session on another node, or of one that left during this commit.
func (r *roster) admit(m *member, row entry, o *outcome) {
	key := r.key(row.email)
	u := r.users[key]
	if u == nil {
		u = &user{entry: row}
		r.users[key] = u
		r.order.join(u, m.connectedAt)
	}
	before := u.entry
	if u.email != row.email {
		r.respell(u, row.email)
	}
	u.connectedAt = min(u.connectedAt, row.connectedAt)
	u.lastActivity = max(u.lastActivity, row.lastActivity)
	r.order.change(u, before, m.connectedAt)
	if u.entry != row { // another node swept what the entry remembers
		m.row = unknown
		r.enqueue(m)
	}
	if r.policy == rollcall.PolicyNewest {
		for _, older := range u.members {
			if older.ending != nil {
				continue // and was told so
			}
			older.ending = new(rollcall.CloseReplaced)
			o.end(older, rollcall.CloseReplaced)
		}
	}
	u.members = append(u.members, m)
	for _, b := range r.answered(m) {
		o.refuse(b, rollcall.CloseAlreadyConnected)
	}
	m.user, m.phase, m.connect.Email = u, here, row.email
	m.place, r.here = len(r.here), append(r.here, m)
	m.passage = nil
	r.release(u)
	o.admitted = append(o.admitted, m)
}

// respell follows an operator who corrects a spelling while the user is here:
// the rows of the user's other sessions are written again.
func (r *roster) respell(u *user, spelling rollcall.Email) {
	u.email = spelling
	for _, m := range u.members {
		m.connect.Email, m.row = spelling, unknown
		r.enqueue(m)
	}
}

// settled reports whether nobody is here and no row is left.
func (r *roster) settled() bool { return len(r.members) == 0 && len(r.flight) == 0 }
