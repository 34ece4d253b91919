package persistence_test

import (
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// The first fault of the seed: what a dead server leaves must go, and nothing
// else: a user who is still on another node stays.
func TestSweepEndsTheSessionsOfADeadNode(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		dead, alive := f.join(t, "dead"), f.join(t, "alive")
		commit(t, dead, inserts(arrival(ada, noon), arrival(grace, noon), arrival(grace, noon)))
		commit(t, alive, inserts(arrival(ada, noon), arrival(linus, noon)))
		f.expireLease(t, "dead")

		swept, err := alive.Sweep(t.Context())
		if must(t, err); swept.Sessions != 3 {
			t.Errorf("swept %d sessions, want 3", swept.Sessions)
		}
		equal(t, "connections", f.connections(t), row{ada, noon, noon}, row{linus, noon, noon})
		equal(t, "sessions", f.sessions(t), row{ada, noon, noon}, row{linus, noon, noon})
		history := f.history(t)
		for _, e := range history {
			if e.Node != "dead" || e.Reason != rollcall.CauseNodeLost {
				t.Errorf("history has %+v, want the loss of the dead node", e)
			}
		}
		if len(history) != 3 {
			t.Errorf("history has %d sessions, want 3", len(history))
		}
		f.holds(t)

		swept, err = alive.Sweep(t.Context())
		if must(t, err); swept.Sessions != 0 {
			t.Errorf("swept %d sessions the second time, want none", swept.Sessions)
		}
		equal(t, "sweeps of the dead node", f.sweeps(t, "dead"), 1)
	})
}

// A dead server may leave more than one transaction can end in time: it is done
// in pieces, and several servers one after the other.
func TestLongSweepIsDoneInPieces(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		alive := f.join(t, "alive")
		const pieces, each = 6, 1000
		for _, name := range []string{"one", "two"} {
			dead := f.join(t, name)
			for range pieces {
				var batch rollcall.Batch
				for range each {
					c := arrival(ada, noon)
					c.Admitted = true
					batch.Inserts = append(batch.Inserts, c)
				}
				commit(t, dead, batch)
			}
			f.expireLease(t, name)
		}
		swept, err := alive.Sweep(t.Context())
		if must(t, err); swept.Sessions != 2*pieces*each {
			t.Errorf("swept %d sessions, want %d", swept.Sessions, 2*pieces*each)
		}
		equal(t, "sessions", f.sessions(t))
		equal(t, "connections", f.connections(t))
		equal(t, "sweeps of a node in two pieces", f.sweeps(t, "one"), 2)
		f.holds(t)
	})
}

// A node is alive for as long as it promised, by the database's clock, and then
// not: this one makes a real lease run out.
func TestLeaseRunsOutByTheClockOfTheDatabase(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		brief := f.joinAs(t, persistence.NodeConfig{Name: "brief", Lease: 300 * time.Millisecond})
		other := f.join(t, "other")
		joined := time.Now()
		commit(t, brief, inserts(arrival(ada, noon)))
		early, err := other.Sweep(t.Context())
		must(t, err)
		if early.Sessions != 0 || early.Next <= 0 {
			t.Fatalf("a sweep before the end of the lease took %d sessions, and told the next for %s from now", early.Sessions, early.Next)
		}
		<-time.After(early.Next)
		swept, err := other.Sweep(t.Context())
		if must(t, err); swept.Sessions != 1 {
			t.Errorf("swept %d sessions when the lease was told to run out, want 1", swept.Sessions)
		}
		if lived := time.Since(joined); lived < 300*time.Millisecond {
			t.Errorf("the node was swept after %s, before its lease ran out", lived)
		}
		f.holds(t)
	})
}

// A user of a dead server is listed until somebody sweeps: who asks must be told
// when that is worth while, by the clock of the database, and never of itself.
func TestSweepTellsWhenTheNextLeaseRunsOut(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		sweeper := f.join(t, "sweeper")
		next := func(what string, least, most time.Duration) {
			t.Helper()
			swept, err := sweeper.Sweep(t.Context())
			if must(t, err); swept.Next < least || swept.Next > most {
				t.Errorf("%s, the next lease runs out in %s, want between %s and %s", what, swept.Next, least, most)
			}
		}
		next("alone", 0, 0)
		long := f.joinAs(t, persistence.NodeConfig{Name: "long", Lease: time.Hour})
		next("beside a long lease", time.Hour-time.Minute, time.Hour+time.Second)
		short := f.joinAs(t, persistence.NodeConfig{Name: "short", Lease: time.Minute})
		next("beside a short one too", time.Minute/2, time.Minute+time.Second)
		must(t, short.Leave(t.Context()))
		next("when the short one has left", time.Hour-time.Minute, time.Hour+time.Second)
		must(t, long.Leave(t.Context()))
		next("alone again", 0, 0)
	})
}

// A dead node whose row somebody else holds, say for a sweep of their own, is not
// swept now. It must not be forgotten over that, as if there were no lease.
func TestSweepThatFindsADeadNodeLockedComesAgainSoon(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	sweeper, dead := f.join(t, "sweeper"), f.join(t, "dead")
	commit(t, dead, inserts(arrival(ada, noon)))
	f.expireLease(t, "dead")
	tx, err := f.raw.BeginTx(t.Context(), nil)
	must(t, err)
	_, err = tx.ExecContext(t.Context(), "SELECT id FROM nodes WHERE name = 'dead' FOR UPDATE")
	must(t, err)
	swept, err := sweeper.Sweep(t.Context())
	if must(t, err); swept.Sessions != 0 || swept.Next <= 0 || swept.Next > time.Second {
		t.Errorf("the sweep took %d sessions of a locked node, and told the next for %s from now", swept.Sessions, swept.Next)
	}
	must(t, tx.Rollback())
	swept, err = sweeper.Sweep(t.Context())
	if must(t, err); swept.Sessions != 1 {
		t.Errorf("swept %d sessions when nobody held the row any more, want 1", swept.Sessions)
	}
}

// A node that was only paused must learn that its rows are gone, or its open
// sockets would be in no list for as long as they live.
func TestNodeSweptWhilePausedSeesItInItsNextCommit(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		paused, other := f.join(t, "paused"), f.join(t, "other")
		c := arrival(ada, noon)
		before := commit(t, paused, inserts(c)).Sweeps
		f.expireLease(t, "paused")
		_, err := other.Sweep(t.Context())
		must(t, err)

		if after := commit(t, paused, rollcall.Batch{}).Sweeps; after != before+1 {
			t.Errorf("the node counts %d sweeps after %d, want one more", after, before)
		}
		c.Admitted = true
		commit(t, paused, inserts(c))
		equal(t, "connections", f.connections(t), row{ada, noon, noon})
		f.holds(t)
		swept, err := other.Sweep(t.Context())
		if must(t, err); swept.Sessions != 0 {
			t.Errorf("swept %d sessions of a node that is back", swept.Sessions)
		}

		// Its history must tell the true end in the end, and only once.
		end := noon.Add(time.Minute)
		commit(t, paused, deletes(departure(c, end)))
		equal(t, "history", f.history(t), ended{ada, "paused", end, 60_000, "closed"})
	})
}

// A node never sweeps itself: a slow server would end its own sessions.
func TestNodeDoesNotSweepItself(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		commit(t, n, inserts(arrival(ada, noon)))
		f.expireLease(t, "a")
		swept, err := n.Sweep(t.Context())
		if must(t, err); swept.Sessions != 0 {
			t.Errorf("the node swept %d sessions of its own", swept.Sessions)
		}
		f.holds(t)
	})
}

// Who left in order is not dead, and is not swept again and again.
func TestNodeThatLeftIsNotSwept(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		must(t, a.Leave(t.Context()))
		_, err := b.Sweep(t.Context())
		must(t, err)
		equal(t, "sweeps of a", f.sweeps(t, "a"), 0)
	})
}

// The history must not fill the disk, nor lose what is young.
func TestSweepPrunesOldHistory(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.joinAs(t, persistence.NodeConfig{Name: "a", Lease: time.Minute, HistoryFor: time.Hour})
		keeper := f.join(t, "keeper") // keeps its history for ever
		old, young := arrival(ada, noon), arrival(grace, noon)
		end := time.Now().UTC().Truncate(time.Second)
		commit(t, n, inserts(old, young))
		commit(t, n, deletes(departure(old, end.Add(-2*time.Hour)), departure(young, end)))

		_, err := keeper.Sweep(t.Context())
		must(t, err)
		if got := len(f.history(t)); got != 2 {
			t.Errorf("%d sessions are left by a node that keeps them for ever, want 2", got)
		}
		_, err = n.Sweep(t.Context())
		must(t, err)
		history := f.history(t)
		if len(history) != 1 || history[0].Email != grace {
			t.Errorf("history is %v, want the young session alone", history)
		}
	})
}
