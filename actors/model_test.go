package actors

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/rollcall/rollcall"
)

// clockJump is how far the clock on the wall jumps.
const clockJump = time.Hour

// modelGrace is shorter than a connect may wait, and than the longest single step.
const modelGrace = 2 * time.Second

// model is a roster, the database behind it, and the sockets in front of it. It
// has two clocks, as [time.Time] does: one that only ever runs, for what is
// waited for, and that on the wall, which may jump, for what is written down.
type model struct {
	*roster
	bug      sabotage
	now      time.Time     // by the clock that runs
	ahead    time.Duration // of it, the one on the wall
	database map[rollcall.SessionID]rollcall.Change
	rows     map[rollcall.Email]rollcall.Entry
	marked   map[rollcall.Email]bool // a connect that was refused after it was written has left its times in the row
	sweeps   int64
	removed  bool                                  // rows, by somebody else
	asked    map[rollcall.SessionID]time.Time      // the deadline; no answer yet
	open     map[rollcall.SessionID]rollcall.Email // greeted, and not ended
	grace    time.Duration
	away     map[rollcall.Email]absence // who may come back as if never gone
	batch    *rollcall.Batch            // in the writer's hands
	late     []answer                   // answers that are still under way
	hearing  uint64                     // the number of the late one that is heard now
	version  uint64                     // of the list as it was last seen
	listed   []rollcall.Entry           // that list
	watcher  *watcher
	mirror   map[rollcall.Email]rollcall.Entry // what the watcher lists, from a snapshot and the events behind it
	told     map[rollcall.Email][]coming       // the joins and leaves that watchers have heard of
	written  map[rollcall.Email][]coming       // and those of the user's row
	refused  map[rollcall.Email]bool           // a connect was refused that is written all the same
}

// absence is a user's last session, which has ended, and until when that does not
// count.
type absence struct {
	session rollcall.SessionID
	until   time.Time
}

// coming is a join or a leave, of a user who is here since then.
type coming struct {
	kind  rollcall.EventKind
	since time.Time // of a leave
}

// The e-mails of the model. The last is nobody's.
var modelEmails = []rollcall.Email{"a@example.com", "b@example.com", "c@example.com", "nobody@example.com"}

func newModel(policy rollcall.Policy, grace time.Duration, bug sabotage) *model {
	m := &model{
		roster:   newRoster(policy, rollcall.Email.Fold, newFeed(newWindow())),
		bug:      bug,
		now:      time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC),
		database: make(map[rollcall.SessionID]rollcall.Change),
		rows:     make(map[rollcall.Email]rollcall.Entry),
		marked:   make(map[rollcall.Email]bool),
		asked:    make(map[rollcall.SessionID]time.Time),
		open:     make(map[rollcall.SessionID]rollcall.Email),
		grace:    grace,
		away:     make(map[rollcall.Email]absence),
		told:     make(map[rollcall.Email][]coming),
		written:  make(map[rollcall.Email][]coming),
		refused:  make(map[rollcall.Email]bool),
	}
	m.watches()
	return m
}

func (m *model) run(t *rapid.T) {
	t.Repeat(m.steps())
	m.settle(t)
}

// steps is all that may happen.
func (m *model) steps() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"connect":          m.connects,
		"frame":            m.frame,
		"leave":            m.leaves,
		"kick":             m.kicks,
		"time":             func(t *rapid.T) { m.passes(t, time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms"))*time.Millisecond) },
		"begin commit":     func(t *rapid.T) { m.begin(rapid.Bool().Draw(t, "renew")) },
		"commit":           func(t *rapid.T) { m.answered(t, true, nil) },
		"fail before":      func(t *rapid.T) { m.answered(t, false, errModel) },
		"fail after":       func(t *rapid.T) { m.answered(t, true, errModel) },
		"reject":           func(t *rapid.T) { m.answered(t, false, rollcall.ErrRejected) },
		"lose the answer":  m.lose,
		"late answer":      m.hearsLate,
		"swept by another": func(*rapid.T) { clear(m.database); clear(m.rows); m.sweeps++; m.removed = true },
		"delete by hand":   m.deletes,
		"restart":          func(*rapid.T) { m.restart() },
		"clock forward":    func(*rapid.T) { m.jumps("clock forward", clockJump) },
		"watch":            func(*rapid.T) { m.watches() },
		"clock back":       func(*rapid.T) { m.jumps("clock back", -clockJump) },
		"":                 m.check,
	}
}

// did tells the saboteur.
func (m *model) did(step string) {
	if m.bug != nil {
		m.bug(step, m.roster, m.hearing)
	}
}

func (m *model) connects(t *rapid.T) {
	id := uuid.New()
	email := rapid.SampledFrom(modelEmails).Draw(t, "email")
	m.asked[id] = m.now.Add(5 * time.Second)
	m.carryOut(t, m.connect(id, rollcall.Connect{Email: email}, m.wall(), m.asked[id]))
}

// anyOpen picks a session that is there, in an order that can be had again.
func (m *model) anyOpen(t *rapid.T) rollcall.SessionID {
	if len(m.open) == 0 {
		t.Skip("nobody is here")
	}
	ids := slices.SortedFunc(maps.Keys(m.open), func(a, b rollcall.SessionID) int {
		return cmp.Compare(m.members[a].connectedAt, m.members[b].connectedAt)
	})
	return rapid.SampledFrom(ids).Draw(t, "session")
}

func (m *model) frame(t *rapid.T) { m.touch(m.anyOpen(t), m.wall()) }

func (m *model) leaves(t *rapid.T) {
	m.goes(m.anyOpen(t), rapid.SampledFrom([]string{"closed", "lost", ""}).Draw(t, "cause"), false)
}

// goes ends a session. Its user is away then, or gone if nobody expects them back and
// they have not come already.
func (m *model) goes(id rollcall.SessionID, cause string, kicked bool) {
	email, until := m.open[id], time.Time{}
	delete(m.open, id)
	expected := m.grace > 0 && cause != "" && !kicked
	if m.grace > 0 {
		until = m.now.Add(m.grace)
	}
	switch {
	case slices.Contains(slices.Collect(maps.Values(m.open)), email):
	case expected:
		m.away[email] = absence{id, until}
	case m.waits(email):
		m.away[email] = absence{session: id}
	}
	m.leave(id, cause, m.wall(), until)
	m.did("leave")
}

// kicks is an operator, who does not want a user to stay. What the history says is
// another matter: the client may have closed its socket a moment before.
func (m *model) kicks(t *rapid.T) {
	email := rapid.SampledFrom(modelEmails).Draw(t, "email")
	delete(m.away, email)
	m.carryOut(t, m.kick(email, uuid.Nil, rollcall.CloseDisconnected, m.now))
	if m.waits(email) {
		t.Fatalf("%s is kicked, and still waits", email)
	}
}

// wall is the time that is written down.
func (m *model) wall() time.Time { return m.now.Add(m.ahead) }

// jumps sets the clock on the wall. Nothing has happened to anybody.
func (m *model) jumps(step string, by time.Duration) {
	m.ahead += by
	m.did(step)
}

func (m *model) passes(t *rapid.T, d time.Duration) {
	m.now = m.now.Add(d)
	m.flush()
	m.order.tellActivity()
	o := m.expire(m.now)
	if len(o.ended) > 0 {
		t.Fatalf("time alone ended %d sessions", len(o.ended))
	}
	m.carryOut(t, o)
	for email, a := range m.away {
		if !m.now.Before(a.until) && !m.waits(email) {
			delete(m.away, email)
		}
	}
}

// waits reports whether a connect of a user has no answer yet.
func (m *model) waits(email rollcall.Email) bool {
	for _, one := range m.waiting {
		if one.connect.Email == email {
			return true
		}
	}
	return false
}
