package actors

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/rollcall/rollcall"
)

// clockJump is how far the clock on the wall jumps.
const clockJump = time.Hour

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
	batch    *rollcall.Batch                       // in the writer's hands
	late     []answer                              // answers that are still under way
	hearing  uint64                                // the number of the late one that is heard now
	version  uint64                                // of the list as it was last seen
	listed   []rollcall.Entry                      // that list
	watcher  *watcher
	mirror   map[rollcall.Email]rollcall.Entry // what the watcher lists, from a snapshot and the events behind it
}

// answer is one of a writer.
type answer struct {
	number uint64
	result rollcall.Result
	err    error
}

// The e-mails of the model. The last is nobody's.
var modelEmails = []rollcall.Email{"a@example.com", "b@example.com", "c@example.com", "nobody@example.com"}

var errModel = errors.New("the database is away")

func newModel(policy rollcall.Policy, bug sabotage) *model {
	m := &model{
		roster:   newRoster(policy, rollcall.Email.Fold, newFeed(newWindow())),
		bug:      bug,
		now:      time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC),
		database: make(map[rollcall.SessionID]rollcall.Change),
		rows:     make(map[rollcall.Email]rollcall.Entry),
		marked:   make(map[rollcall.Email]bool),
		asked:    make(map[rollcall.SessionID]time.Time),
		open:     make(map[rollcall.SessionID]rollcall.Email),
	}
	m.watches()
	return m
}

func (m *model) run(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"connect":          m.connects,
		"frame":            m.frame,
		"leave":            m.leaves,
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
	})
	m.settle(t)
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
		return m.members[a].connectedAt.Compare(m.members[b].connectedAt)
	})
	return rapid.SampledFrom(ids).Draw(t, "session")
}

func (m *model) frame(t *rapid.T) { m.touch(m.anyOpen(t), m.wall()) }

func (m *model) leaves(t *rapid.T) { m.goes(m.anyOpen(t)) }

func (m *model) goes(id rollcall.SessionID) {
	delete(m.open, id)
	m.leave(id, "closed", m.wall())
	m.did("leave")
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
	*m = *newModel(m.policy, m.bug)
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
	for _, c := range m.batch.Inserts {
		if c.Email == modelEmails[len(modelEmails)-1] {
			continue
		}
		m.database[c.Session] = c
		row, ok := m.rows[c.Email]
		if !ok || c.Since.Before(row.ConnectedAt) {
			row.ConnectedAt = c.Since
		}
		m.rows[c.Email] = rollcall.Entry{Email: c.Email, ConnectedAt: row.ConnectedAt, LastActivity: row.LastActivity}
		m.active(c)
	}
	for _, c := range m.batch.Inserts {
		if row, ok := m.rows[c.Email]; ok && !c.Admitted {
			result.Users[c.Email] = row
		}
	}
	for _, c := range m.batch.Deletes {
		delete(m.database, c.Session)
		if !slices.ContainsFunc(slices.Collect(maps.Values(m.database)), func(o rollcall.Change) bool { return o.Email == c.Email }) {
			delete(m.rows, c.Email)
		}
	}
	if m.batch.Count {
		result.Sessions = len(m.database)
	}
	return result
}

// active moves the activity of a row, if there is one, forwards.
func (m *model) active(c rollcall.Change) {
	if row, ok := m.rows[c.Email]; ok && c.UserActivity.After(row.LastActivity) {
		row.LastActivity = c.UserActivity
		m.rows[c.Email] = row
	}
}

// carryOut is the registry: it checks that each connect gets one answer, not
// before its time, and that nobody is greeted without a row.
func (m *model) carryOut(t *rapid.T, o outcome) {
	answered := func(id rollcall.SessionID) {
		if _, ok := m.asked[id]; !ok {
			t.Fatalf("session %s was answered twice", id)
		}
		delete(m.asked, id)
	}
	for _, v := range o.refused {
		if deadline := m.asked[v.session]; v.close == rollcall.CloseTryAgainLater && m.now.Before(deadline) {
			t.Fatalf("a connect was told to come again %s before its deadline", deadline.Sub(m.now))
		}
		answered(v.session)
		if c, ok := m.database[v.session]; ok {
			m.marked[c.Email] = true
		}
	}
	if o.doubted > 0 && !m.removed {
		t.Fatalf("%d rows are doubted, and nobody has removed any", o.doubted)
	}
	for _, one := range o.admitted {
		answered(one.id)
		if _, ok := m.database[one.id]; !ok && !m.removed {
			t.Fatalf("%s is greeted, and has no row", one.connect.Email)
		}
		m.open[one.id] = one.connect.Email
	}
	for _, v := range o.ended {
		if _, ok := m.open[v.session]; ok {
			m.goes(v.session)
		}
	}
}

// check is what always holds.
func (m *model) check(t *rapid.T) {
	want := make(map[rollcall.Email]int)
	for _, email := range m.open {
		want[email]++
	}
	listed := make(map[rollcall.Email]bool)
	last := rollcall.Entry{}
	s := m.order.snapshot()
	for e := range s.Entries {
		if listed[e.Email] || want[e.Email] == 0 || listedBefore(e, last) {
			t.Fatalf("%s is listed wrongly: %d sockets", e.Email, want[e.Email])
		}
		listed[e.Email], last = true, e
	}
	if len(listed) != len(want) || s.Count != len(want) {
		t.Fatalf("%d users have sockets, %d are listed, and the count is %d", len(want), len(listed), s.Count)
	}
	for email, sockets := range want {
		if m.policy != rollcall.PolicyMany && sockets > 1 {
			t.Fatalf("%s has %d sockets under policy %s", email, sockets, m.policy)
		}
	}
	if entries := slices.Collect(s.Entries); s.Version < m.version || s.Version == m.version && !slices.Equal(entries, m.listed) {
		t.Fatalf("version %d lists %v, and version %d before it listed %v", s.Version, entries, m.version, m.listed)
	} else {
		m.version, m.listed = s.Version, entries
	}
	m.reads(t)
	for email := range listed {
		if _, ok := m.mirror[email]; !ok || len(m.mirror) != len(listed) {
			t.Fatalf("%d users are listed, and the watcher has %d of them", len(listed), len(m.mirror))
		}
	}
	if len(m.asked) < len(m.waiting) {
		t.Fatalf("%d connects wait, and %d have no answer", len(m.waiting), len(m.asked))
	}
}

// watches takes a snapshot and what happens from that instant on.
func (m *model) watches() {
	m.watcher = &watcher{window: m.order.feed.window, position: m.order.feed.watch(m.now)}
	m.mirror = make(map[rollcall.Email]rollcall.Entry)
	for e := range m.order.snapshot().Entries {
		m.mirror[e.Email] = e
	}
}

// reads takes in what has happened since the watcher last read.
func (m *model) reads(t *rapid.T) {
	m.order.feed.show(m.now)
	for {
		events, err := m.order.feed.window.stretch.Load().after(m.watcher.position, 3)
		if err != nil {
			t.Fatalf("the watcher: %v", err)
		}
		if len(events) == 0 {
			return
		}
		m.watcher.position += uint64(len(events))
		for _, e := range events {
			if _, here := m.mirror[e.Entry.Email]; here == (e.Kind == rollcall.EventJoin) {
				t.Fatalf("a %s of %s, who is listed: %v", e.Kind, e.Entry.Email, here)
			}
			m.mirror[e.Entry.Email] = e.Entry
			if e.Kind == rollcall.EventLeave {
				delete(m.mirror, e.Entry.Email)
			}
		}
	}
}

// settle lets the database be well until nothing is left to do, and compares.
func (m *model) settle(t *rapid.T) {
	for range 1000 {
		m.passes(t, time.Second)
		if m.flight == nil {
			m.begin(false)
		}
		if m.flight == nil || m.batch == nil {
			break
		}
		m.answered(t, true, nil)
	}
	// What others removed is told with the next renewal of the lease.
	m.begin(true)
	for m.batch != nil && m.flight != nil {
		m.answered(t, true, nil)
		m.begin(false)
	}
	m.check(t)
	if len(m.asked)+len(m.waiting)+len(m.leads)+len(m.queue) > 0 || len(m.members) != len(m.open) {
		t.Fatalf("%d connects have no answer, %d wait, %d lead, %d are queued, and of %d members %d are open",
			len(m.asked), len(m.waiting), len(m.leads), len(m.queue), len(m.members), len(m.open))
	}
	for id := range m.database {
		if _, ok := m.open[id]; !ok {
			t.Fatalf("a row is left of %s", id)
		}
	}
	for id, email := range m.open {
		if c, ok := m.database[id]; !ok || c.Email != email {
			t.Fatalf("%s is open, and its row is %v", email, c)
		}
	}
	m.order.tellActivity()
	m.reads(t)
	for e := range m.order.snapshot().Entries {
		if told := m.mirror[e.Email]; told != e {
			t.Fatalf("the entry is %+v, and the watcher's %+v", e, told)
		}
		if row := m.rows[e.Email]; row != e && !m.marked[e.Email] {
			t.Fatalf("the entry is %+v, and the row %+v", e, row)
		}
	}
	if users := len(slices.Collect(m.order.snapshot().Entries)); users != len(m.rows) {
		t.Fatalf("%d users are here, and %d have rows", users, len(m.rows))
	}
}
