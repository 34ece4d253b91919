package actors

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rollcall/rollcall"
)

// Whatever happens in whatever order, the roster ends with rows that are equal
// to its entries, and keeps on the way what a client may rely on.
func TestRosterAgreesWithItsModel(t *testing.T) {
	set(t, "rapid.checks", "2000")
	for _, policy := range []rollcall.Policy{rollcall.PolicyMany, rollcall.PolicyNewest, rollcall.PolicyOldest} {
		for _, grace := range []time.Duration{0, modelGrace} {
			t.Run(fmt.Sprintf("%s, grace %s", policy, grace), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) { newModel(policy, grace, nil).run(t) })
			})
		}
	}
}

// Those who watch and those who are posted to must not hear of two different lives of a
// user. Whoever is refused after all, when the row is written already, has one that is
// posted alone; and what others remove, watchers do not see.
func TestWatchersHearOfTheJoinsAndLeavesOfTheRows(t *testing.T) {
	set(t, "rapid.checks", "500")
	for _, policy := range []rollcall.Policy{rollcall.PolicyMany, rollcall.PolicyNewest, rollcall.PolicyOldest} {
		for _, grace := range []time.Duration{0, modelGrace} {
			t.Run(fmt.Sprintf("%s, grace %s", policy, grace), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					m := newModel(policy, grace, nil)
					steps := m.steps()
					for _, others := range []string{"swept by another", "delete by hand", "reject", "restart"} {
						delete(steps, others)
					}
					steps["little room"] = func(t *rapid.T) { m.room = rapid.IntRange(1, 2).Draw(t, "room") }
					t.Repeat(steps)
					m.settle(t)
					m.agreesOnComings(t)
				})
			})
		}
	}
}

// A model that finds no planted bug would find no other either.
func TestModelFindsPlantedBugs(t *testing.T) {
	for name, bug := range map[string]sabotage{
		"a failed commit is taken for not applied": func(step string, r *roster, _ uint64) {
			for _, m := range r.members {
				if step == "failed" && m.row == unknown {
					m.row = absent
				}
			}
		},
		"a failed commit is taken for applied": func(step string, r *roster, _ uint64) {
			for _, m := range r.members {
				if step == "failed" && m.row == unknown {
					m.row = present
				}
			}
		},
		"what leaves in flight is forgotten": func(step string, r *roster, _ uint64) {
			for _, m := range r.members {
				if step == "leave" && m.flying {
					m.queued = false
				}
			}
		},
		"swept rows are not written again": func(step string, r *roster, _ uint64) {
			for _, m := range r.members {
				if step == "committed" && m.phase == here && m.row == unknown {
					m.row = present
				}
			}
		},
		"a late answer is taken for the current one": func(step string, r *roster, late uint64) {
			if step == "before late answer" {
				r.number = late
			}
		},
		"the entry stays when the last session goes": func(step string, r *roster, _ uint64) {
			if step == "leave" && len(r.users) == 0 {
				r.order.entries.Set(entry{email: "a@example.com"})
			}
		},
		"a leave does not change the list's version": func(step string, r *roster, _ uint64) {
			if step == "leave" {
				r.order.version--
			}
		},
		"watchers hear of a leave twice": func(step string, r *roster, _ uint64) {
			if f := r.order.feed; step == "leave" && f.end > 0 {
				f.add(f.chunks[len(f.chunks)-1].events[(f.end-1)%chunkSize])
			}
		},
		"watchers do not hear of a join": func(step string, r *roster, _ uint64) {
			f := r.order.feed
			if step == "committed" && f.fresh && f.chunks[len(f.chunks)-1].events[(f.end-1)%chunkSize].Kind == rollcall.EventJoin {
				f.end--
			}
		},
		"activity is not told": func(step string, r *roster, _ uint64) {
			if step == "failed" {
				r.order.moved = nil
			}
		},
		"a grace never ends": func(_ string, r *roster, _ uint64) {
			r.graces = nil
		},
		"a grace does not wait for the database": func(_ string, r *roster, _ uint64) {
			clear(r.coming)
		},
		"the row of who is away goes at once": func(step string, r *roster, _ uint64) {
			for _, m := range r.members {
				if step == "leave" && m.phase == lingering {
					m.phase = gone
					r.enqueue(m)
				}
			}
		},
		"who is kicked may come back": func(_ string, r *roster, _ uint64) {
			for _, m := range r.members {
				m.kicked = false
			}
		},
		"deadlines follow the clock on the wall": func(step string, r *roster, _ uint64) {
			for _, m := range r.waiting {
				if step == "clock forward" {
					m.deadline = m.deadline.Add(-clockJump)
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			if !finds(t, func(t *rapid.T) { newModel(rollcall.PolicyMany, modelGrace, bug).run(t) }) {
				t.Error("the model did not find it")
			}
		})
	}
}

// sabotage plants a bug behind a step.
type sabotage func(step string, r *roster, late uint64)

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
