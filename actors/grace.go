package actors

import "time"

// grace is how a user whose last session ended is not yet gone: the session lingers,
// and so its row and the entry stay. Whoever comes back until then never left.
type grace struct {
	user  *user
	until time.Time
}

// mayReturn reports whether a user may come back whose last session is this one.
// There is no grace when everybody goes, for one who was told to go by an operator,
// and for a session whose client did not wait for it.
func (r *roster) mayReturn(m *member, cause string, until time.Time) bool {
	return !until.IsZero() && !r.closed && !m.kicked && cause != ""
}

// linger keeps a session that has ended, for the sake of its user.
func (r *roster) linger(m *member, until time.Time) {
	m.phase = lingering
	m.user.lingering, m.until = m, until
	r.graces = append(r.graces, grace{m.user, until})
}

// lingerForAnswer keeps a session whose user may not come back, but has come already:
// a connect waits for the database, which may have its row beside this one's by now.
// Then the user is there without a break, and must not have left for those who watch.
func (r *roster) lingerForAnswer(m *member) {
	m.phase = lingering
	m.user.lingering = m
	r.late = append(r.late, m.user)
}

// release lets the session go that a user has left behind. Whoever was admitted
// meanwhile has seen to the user's row: see admit.
func (r *roster) release(u *user) {
	m := u.lingering
	if m == nil {
		return
	}
	u.lingering = nil
	m.user = nil
	r.drop(m)
}

// endGrace ends a user who has not come back. The leave is that of the last session,
// at the time when that ended.
func (r *roster) endGrace(u *user) {
	r.removeEntry(u, u.lingering.cause, u.lingering.endedAt)
	r.release(u)
}

// endGraces ends those whose time has passed. For a user who has a connect that waits
// for the database, that time is not over until there is an answer.
func (r *roster) endGraces(now time.Time) {
	due := r.late
	r.late = nil
	over := 0
	for over < len(r.graces) && !now.Before(r.graces[over].until) {
		due = append(due, r.graces[over].user)
		over++
	}
	r.graces = rest(r.graces, over)
	for _, u := range due {
		switch {
		case u.lingering == nil || now.Before(u.lingering.until): // came back, and may have left again
		case r.coming[r.key(u.email)] > 0:
			r.late = append(r.late, u)
		default:
			r.endGrace(u)
		}
	}
}

// endAllGraces returns how many there were.
func (r *roster) endAllGraces() (n int) {
	for _, u := range r.users {
		if u.lingering != nil {
			r.endGrace(u)
			n++
		}
	}
	return n
}
