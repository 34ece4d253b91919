package persistence_test

import (
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// A server whose name another one has taken must not write a thing: its rows
// would be ghosts that nobody sweeps.
func TestSupersededNodeWritesNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		old := f.join(t, "a")
		c := arrival(ada, noon)
		commit(t, old, inserts(c))
		successor := f.join(t, "a")
		if successor.Epoch() != old.Epoch()+1 || successor.Name() != "a" {
			t.Errorf("the successor is %s, epoch %d after %d", successor.Name(), successor.Epoch(), old.Epoch())
		}
		equal(t, "connections after the name was taken", f.connections(t))
		history := f.history(t)
		if len(history) != 1 || history[0].Reason != rollcall.CauseNodeLost {
			t.Errorf("history is %v, want one session with %q", history, rollcall.CauseNodeLost)
		}
		commit(t, successor, inserts(arrival(grace, noon)))

		_, err := old.Commit(t.Context(), rollcall.Batch{
			Inserts: []rollcall.Change{arrival(ada, noon)},
			Deletes: []rollcall.Change{departure(c, noon)},
		})
		if is(t, err, rollcall.ErrSuperseded); err.Error() != rollcall.ErrSuperseded.Error() {
			t.Errorf("the end of the server is told as %q, want one sentence", err)
		}
		is(t, old.Leave(t.Context()), rollcall.ErrSuperseded)
		equal(t, "connections", f.connections(t), row{grace, noon, noon})
		equal(t, "history", f.history(t), history...)
		f.holds(t)
	})
}

// A server that leaves takes all its rows along, and no other's.
func TestNodeThatLeavesTakesItsSessionsAlong(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		commit(t, a, inserts(arrival(ada, noon), arrival(grace, noon)))
		commit(t, b, inserts(arrival(grace, noon)))
		must(t, a.Leave(t.Context()))
		equal(t, "connections", f.connections(t), row{grace, noon, noon})
		for _, e := range f.history(t) {
			if e.Reason != "shutdown" || e.Node != "a" {
				t.Errorf("history has %v, want the shutdown of a", e)
			}
		}
		f.holds(t)
	})
}

// A server with settings that make no sense must not start, rather than be swept
// at once or match nobody.
func TestNodeThatMakesNoSenseCannotJoin(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		for _, config := range []persistence.NodeConfig{
			{Lease: time.Minute}, {Name: "a"}, {Name: "a", Lease: -time.Second}, {Name: "a\x00", Lease: time.Minute},
			{Name: strings.Repeat("a", 256), Lease: time.Minute}, {Name: "a", Lease: time.Minute, Match: "fuzzy"},
		} {
			if _, err := f.Join(t.Context(), config); err == nil {
				t.Errorf("%.80v joined", config)
			}
		}
	})
}

// Whoever deletes the row of a node by hand must not leave sessions of nobody, which
// no sweep would find.
func TestSessionsGoWithTheRowOfTheirNode(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		commit(t, f.join(t, "a"), inserts(arrival(ada, noon)))
		b := f.join(t, "b")
		commit(t, b, inserts(arrival(grace, noon)))
		f.exec(t, "DELETE FROM nodes WHERE name = 'a'")
		equal(t, "sessions", f.sessions(t), row{grace, noon, noon})
	})
}
