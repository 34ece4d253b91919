package actors

import (
	"errors"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/rollcall/rollcall"
)

var errModel = errors.New("the database is away")

// answer is one of a writer.
type answer struct {
	number uint64
	result rollcall.Result
	err    error
}

// deletes is somebody who deletes the sessions of a user by hand. The user's row
// goes with them, at the next sweep if not at once.
func (m *model) deletes(t *rapid.T) {
	email := rapid.SampledFrom(modelEmails).Draw(t, "email")
	maps.DeleteFunc(m.database, func(_ rollcall.SessionID, c rollcall.Change) bool { return c.Email == email })
	delete(m.rows, email)
	m.removed = true
}

// begin gives the writer a batch, if it has none.
func (m *model) begin(renew bool) {
	if b, _, ok := m.roster.batch(renew); ok {
		m.batch = &b
	}
}

// answered lets the database have the batch, or not, and the roster hear of it.
func (m *model) answered(t *rapid.T, applied bool, err error) {
	if m.batch == nil || m.flight == nil {
		t.Skip("nothing is in flight")
	}
	a := answer{m.number, m.apply(applied), err}
	if errors.Is(err, rollcall.ErrRejected) && m.batch.Len() == 1 && len(m.batch.Inserts) == 1 { // never to be written again
		maps.DeleteFunc(m.away, func(_ rollcall.Email, a absence) bool { return a.session == m.batch.Inserts[0].Session })
	}
	m.hears(t, a)
	m.batch = nil
}

// lose lets the batch be applied, or not, and its answer be late; the registry
// gives up waiting, or has crashed.
func (m *model) lose(t *rapid.T) {
	if m.batch == nil || m.flight == nil {
		t.Skip("nothing is in flight")
	}
	applied := rapid.Bool().Draw(t, "applied")
	m.late = append(m.late, answer{number: m.number, result: m.apply(applied)})
	if !applied {
		m.late[len(m.late)-1].err = errModel
	}
	m.hears(t, answer{number: m.number, err: errNoAnswer})
	m.batch = nil
}

// hearsLate is an answer to a batch that nobody waits for any more.
func (m *model) hearsLate(t *rapid.T) {
	if len(m.late) == 0 {
		t.Skip("no answer is late")
	}
	a := m.late[0]
	m.late = m.late[1:]
	m.hearing = a.number
	m.did("before late answer")
	m.hears(t, a)
}

// restart is a new process under the same name, which removes its
// predecessor's rows before it begins.
func (m *model) restart() {
	*m = *newModel(m.policy, m.grace, m.bug)
}

func (m *model) hears(t *rapid.T, a answer) {
	if a.err != nil {
		m.carryOut(t, m.failed(a.number, a.err, m.wall()))
		m.did("failed")
	} else {
		m.carryOut(t, m.committed(a.number, a.result, m.wall()))
		m.did("committed")
	}
}

// apply is the database.
func (m *model) apply(applied bool) rollcall.Result {
	result := rollcall.Result{Users: make(map[rollcall.Email]rollcall.Entry), Sweeps: m.sweeps}
	if !applied {
		return result
	}
	for _, c := range m.batch.Touches {
		m.active(c)
	}
	m.inserts(true)
	for _, c := range m.batch.Deletes {
		delete(m.database, c.Session)
		if !slices.ContainsFunc(slices.Collect(maps.Values(m.database)), func(o rollcall.Change) bool { return o.Email == c.Email }) {
			if row, ok := m.rows[c.Email]; ok {
				m.written[c.Email] = append(m.written[c.Email], coming{rollcall.EventLeave, row.ConnectedAt})
			}
			delete(m.rows, c.Email)
		}
	}
	m.inserts(false)
	for _, c := range m.batch.Inserts {
		if row, ok := m.rows[c.Email]; ok && !c.Admitted {
			result.Users[c.Email] = row
		}
	}
	if m.batch.Count {
		result.Sessions = len(m.database)
	}
	return result
}

// inserts writes those sessions of the batch that were admitted before, or those that
// were not: the ones come before others go, and the others after it.
func (m *model) inserts(admitted bool) {
	for _, c := range m.batch.Inserts {
		if c.Admitted != admitted || c.Email == modelEmails[len(modelEmails)-1] {
			continue
		}
		if _, asked := m.asked[c.Session]; !asked && !admitted {
			m.refused[c.Email] = true
		}
		m.database[c.Session] = c
		row, ok := m.rows[c.Email]
		if !ok {
			m.written[c.Email] = append(m.written[c.Email], coming{kind: rollcall.EventJoin})
		}
		if !ok || c.Since.Before(row.ConnectedAt) {
			row.ConnectedAt = c.Since
		}
		m.rows[c.Email] = rollcall.Entry{Email: c.Email, ConnectedAt: row.ConnectedAt, LastActivity: row.LastActivity}
		m.active(c)
	}
}

// active moves the activity of a row, if there is one, forwards.
func (m *model) active(c rollcall.Change) {
	if row, ok := m.rows[c.Email]; ok && c.UserActivity.After(row.LastActivity) {
		row.LastActivity = c.UserActivity
		m.rows[c.Email] = row
	}
}
