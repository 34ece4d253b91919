package actors

import (
	"errors"
	"flag"
	"maps"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/rollcall/rollcall"
)

// Whatever happens in whatever order, the roster ends with rows that are equal
// to its entries, and keeps on the way what a client may rely on.
func TestRosterAgreesWithItsModel(t *testing.T) {
	set(t, "rapid.checks", "2000")
	for _, policy := range []rollcall.Policy{rollcall.PolicyMany, rollcall.PolicyNewest, rollcall.PolicyOldest} {
		t.Run(string(policy), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { newModel(policy, nil).run(t) })
		})
	}
}

// A model that finds no planted bug would find no other either.
func TestModelFindsPlantedBugs(t *testing.T) {
	for name, bug := range map[string]sabotage{
		"a failed commit is taken for not applied": func(step string, r *roster) {
			for _, m := range r.members {
				if step == "failed" && m.row == unknown {
					m.row = absent
				}
			}
		},
		"a failed commit is taken for applied": func(step string, r *roster) {
			for _, m := range r.members {
				if step == "failed" && m.row == unknown {
					m.row = present
				}
			}
		},
		"what leaves in flight is forgotten": func(step string, r *roster) {
			for _, m := range r.members {
				if step == "leave" && m.flying {
					m.queued = false
				}
			}
		},
		"swept rows are not written again": func(step string, r *roster) {
			for _, m := range r.members {
				if step == "committed" && m.phase == here && m.row == unknown {
					m.row = present
				}
			}
		},
		"a late answer is taken for the current one": func(step string, r *roster) {
			if step == "before late answer" {
				r.number--
			}
			if step == "late answer" {
				r.number++
			}
		},
		"the entry stays when the last session goes": func(step string, r *roster) {
			if step == "leave" && len(r.users) == 0 {
				r.order.Set(rollcall.Entry{Email: "a@example.com"})
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if !finds(t, func(t *rapid.T) { newModel(rollcall.PolicyMany, bug).run(t) }) {
				t.Error("the model did not find it")
			}
		})
	}
}

// sabotage plants a bug behind a step.
type sabotage func(step string, r *roster)

// model is a roster, the database behind it, and the sockets in front of it.
type model struct {
	*roster
	bug      sabotage
	now      time.Time
	database map[rollcall.SessionID]rollcall.Change
	sweeps   int64
	asked    map[rollcall.SessionID]rollcall.Email // no answer yet
	open     map[rollcall.SessionID]rollcall.Email // greeted, and not ended
	batch    *rollcall.Batch                       // in the writer's hands
	late     []answer                              // answers that are still under way
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
		roster:   newRoster(policy, rollcall.Email.Fold),
		bug:      bug,
		now:      time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC),
		database: make(map[rollcall.SessionID]rollcall.Change),
		asked:    make(map[rollcall.SessionID]rollcall.Email),
		open:     make(map[rollcall.SessionID]rollcall.Email),
	}
	return m
}

func (m *model) run(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"connect":          m.connects,
		"frame":            m.frame,
		"leave":            m.leaves,
		"time":             func(t *rapid.T) { m.passes(t, time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms"))*time.Millisecond) },
		"begin commit":     func(*rapid.T) { m.begin() },
		"commit":           func(t *rapid.T) { m.answered(t, true, nil) },
		"fail before":      func(t *rapid.T) { m.answered(t, false, errModel) },
		"fail after":       func(t *rapid.T) { m.answered(t, true, errModel) },
		"reject":           func(t *rapid.T) { m.answered(t, false, rollcall.ErrRejected) },
		"lose the answer":  m.lose,
		"late answer":      m.hearsLate,
		"swept by another": func(*rapid.T) { clear(m.database); m.sweeps++ },
		"restart":          func(*rapid.T) { m.restart() },
		"":                 m.check,
	})
	m.settle(t)
}

// did tells the saboteur.
func (m *model) did(step string) {
	if m.bug != nil {
		m.bug(step, m.roster)
	}
}

func (m *model) connects(t *rapid.T) {
	id := uuid.New()
	email := rapid.SampledFrom(modelEmails).Draw(t, "email")
	m.asked[id] = email
	m.carryOut(t, m.connect(id, rollcall.Connect{Email: email}, m.now, m.now.Add(5*time.Second)))
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

func (m *model) frame(t *rapid.T) { m.touch(m.anyOpen(t), m.now) }

func (m *model) leaves(t *rapid.T) { m.goes(m.anyOpen(t)) }

func (m *model) goes(id rollcall.SessionID) {
	delete(m.open, id)
	m.leave(id, "closed", m.now)
	m.did("leave")
}

func (m *model) passes(t *rapid.T, d time.Duration) {
	m.now = m.now.Add(d)
	m.flush()
	m.carryOut(t, m.expire(m.now))
}

// begin gives the writer a batch, if it has none.
func (m *model) begin() {
	if b, _, ok := m.roster.batch(false); ok {
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
	m.did("before late answer")
	m.hears(t, a)
	m.did("late answer")
}

// restart is a new process under the same name, which removes its
// predecessor's rows before it begins.
func (m *model) restart() {
	*m = *newModel(m.policy, m.bug)
}

func (m *model) hears(t *rapid.T, a answer) {
	if a.err != nil {
		m.carryOut(t, m.failed(a.number, a.err, m.now))
		m.did("failed")
	} else {
		m.carryOut(t, m.committed(a.number, a.result, m.now))
		m.did("committed")
	}
}

// apply is the database.
func (m *model) apply(applied bool) rollcall.Result {
	result := rollcall.Result{Users: make(map[rollcall.Email]rollcall.Email), Sweeps: m.sweeps}
	if !applied {
		return result
	}
	for _, c := range m.batch.Inserts {
		if c.Email == modelEmails[len(modelEmails)-1] {
			continue
		}
		if !c.Admitted {
			result.Users[c.Email] = c.Email
		}
		m.database[c.Session] = c
	}
	for _, c := range m.batch.Deletes {
		delete(m.database, c.Session)
	}
	return result
}

// carryOut is the registry: it checks that each connect gets one answer, and
// that nobody is greeted without a row.
func (m *model) carryOut(t *rapid.T, o outcome) {
	answered := func(id rollcall.SessionID) {
		if _, ok := m.asked[id]; !ok {
			t.Fatalf("session %s was answered twice", id)
		}
		delete(m.asked, id)
	}
	for _, v := range o.refused {
		answered(v.session)
	}
	for _, one := range o.admitted {
		answered(one.id)
		if _, ok := m.database[one.id]; !ok && m.sweeps == 0 {
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
	s := m.snapshot()
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
	if len(m.asked) < len(m.waiting) {
		t.Fatalf("%d connects wait, and %d have no answer", len(m.waiting), len(m.asked))
	}
}

// settle lets the database be well until nothing is left to do, and compares.
func (m *model) settle(t *rapid.T) {
	for range 1000 {
		m.passes(t, time.Second)
		if m.flight == nil {
			m.begin()
		}
		if m.flight == nil || m.batch == nil {
			break
		}
		m.answered(t, true, nil)
	}
	// A lapse is told with the next commit, which the lease asks for by itself.
	if _, number, ok := m.roster.batch(true); ok {
		m.hears(t, answer{number: number, result: rollcall.Result{Sweeps: m.sweeps}})
	}
	for m.begin(); m.batch != nil && m.flight != nil; m.begin() {
		m.answered(t, true, nil)
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
}

// finds runs a check that should fail, for as long as a bug may hide: found
// ones end it.
func finds(t *testing.T, property func(*rapid.T)) bool {
	t.Helper()
	set(t, "rapid.checks", "20000")
	set(t, "rapid.nofailfile", "true")
	set(t, "rapid.shrinktime", "0s")
	r := &recorder{name: t.Name()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		rapid.Check(r, property)
	}()
	<-done
	return r.failed
}

// set sets a flag of the library for one test.
func set(t *testing.T, name, value string) {
	t.Helper()
	before := flag.Lookup(name).Value.String()
	if err := flag.Set(name, value); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = flag.Set(name, before) })
}

// recorder is a test that may fail.
type recorder struct {
	name   string
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Name() string          { return r.name }
func (r *recorder) Log(...any)            {}
func (r *recorder) Logf(string, ...any)   {}
func (r *recorder) Skip(...any)           { runtime.Goexit() }
func (r *recorder) Skipf(string, ...any)  { runtime.Goexit() }
func (r *recorder) SkipNow()              { runtime.Goexit() }
func (r *recorder) Error(...any)          { r.failed = true }
func (r *recorder) Errorf(string, ...any) { r.failed = true }
func (r *recorder) Fatal(a ...any)        { r.FailNow() }
func (r *recorder) Fatalf(string, ...any) { r.FailNow() }
func (r *recorder) Fail()                 { r.failed = true }
func (r *recorder) Failed() bool          { return r.failed }
func (r *recorder) FailNow()              { r.failed = true; runtime.Goexit() }
