package persistence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// An operator asks whose rows these are and since when nobody answers for them:
// ghosts must be told from the rows of nodes that are alive.
func TestAuditTellsGhostsFromTheLiving(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		dead, alive, idle, left := f.join(t, "dead"), f.join(t, "alive"), f.join(t, "idle"), f.join(t, "left")
		commit(t, dead, inserts(arrival(ada, noon), arrival(grace, noon)))
		commit(t, alive, inserts(arrival(ada, noon.Add(time.Second))))
		must(t, left.Leave(t.Context()))
		before := f.audit(t)
		if count, _ := before.Ghosts(); count != 0 || !before.Holds() {
			t.Errorf("all are alive, and the audit finds %d ghosts: %+v", count, before)
		}
		f.expireLease(t, "dead")
		f.expireLease(t, idle.Name())

		a := f.audit(t)
		const years = 20 * 365 * 24 * time.Hour // since 2001
		if count, oldest := a.Ghosts(); count != 2 || oldest < years {
			t.Errorf("two sessions have been ghosts since 2001, and the audit finds %d since %s", count, oldest)
		}
		if !a.Holds() {
			t.Errorf("a lease that has run out is no fault of the tables: %+v", a)
		}
		var nodes []string
		for _, n := range a.Nodes {
			nodes = append(nodes, fmt.Sprintf("%s %d %v", n.Name, n.Sessions, n.Alive(a.At)))
		}
		equal(t, "nodes", nodes, "alive 1 true", "dead 2 false", "idle 0 false")
		if !a.LastActivity.Equal(noon.Add(time.Second)) {
			t.Errorf("the last activity is %s", a.LastActivity)
		}
		if off := time.Since(a.At).Abs(); off > time.Minute {
			t.Errorf("the database's clock is off by %s", off)
		}
	})
}

// A list is one node's, so the rows that it is compared with must be too.
func TestEmailsOfANodeAreItsOwn(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		commit(t, a, inserts(arrival(linus, noon), arrival(ada, noon), arrival(ada, noon)))
		commit(t, b, inserts(arrival(grace, noon)))
		emails, err := f.NodeEmails(t.Context(), "a")
		must(t, err)
		equal(t, "e-mails of a", emails, ada, linus)
	})
}

// Where no server runs, an operator's sweep is the only one: it must take all
// that is dead, however much, and nothing of the living.
func TestSweepOfAnOperatorTakesAllThatIsDead(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		dead, disowned, alive := f.join(t, "dead"), f.join(t, "disowned"), f.join(t, "alive")
		commit(t, dead, inserts(arrival(ada, noon), arrival(ada, noon)))
		commit(t, disowned, inserts(arrival(grace, noon)))
		commit(t, alive, inserts(arrival(linus, noon), arrival(ada, noon)))
		f.expireLease(t, "dead")
		f.exec(t, "UPDATE nodes SET lease_expires_at = NULL WHERE name = 'disowned'")
		const orphans = 1500 // more than one transaction takes
		f.insertGhosts(t, orphans)
		if a := f.audit(t); a.Holds() || a.Unowned != 1 || len(a.Orphaned) == 0 {
			t.Errorf("the audit finds %d without an owner and %d orphans", a.Unowned, len(a.Orphaned))
		}

		swept, err := f.Sweep(t.Context())
		must(t, err)
		equal(t, "nodes that were swept", swept.Nodes, "dead", "disowned")
		if swept.Sessions != 3 || swept.Orphans != orphans {
			t.Errorf("swept %d sessions and %d orphans, want 3 and %d", swept.Sessions, swept.Orphans, orphans)
		}
		equal(t, "connections", f.connections(t), row{ada, noon, noon}, row{linus, noon, noon})
		f.holds(t)
		if swept, err = f.Sweep(t.Context()); err != nil || len(swept.Nodes)+swept.Sessions+swept.Orphans > 0 {
			t.Errorf("the second sweep took %+v, %v", swept, err)
		}
	})
}

// The clock of the database may jump: by an hour forward every lease has run
// out at once. Nobody is closed over it, and whoever is swept writes everything
// again; no row is left that nobody answers for.
func TestClockOfTheDatabaseMayJump(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		mine, theirs := arrival(ada, noon), arrival(grace, noon)
		commit(t, a, inserts(mine))
		commit(t, b, inserts(theirs))
		f.expireLease(t, "a")
		f.expireLease(t, "b")

		swept, err := a.Sweep(t.Context())
		if must(t, err); swept.Sessions != 1 {
			t.Errorf("a swept %d sessions, want that of b alone", swept.Sessions)
		}
		told := commit(t, b, rollcall.Batch{}).Sweeps
		if told != 1 {
			t.Errorf("b is told of %d sweeps, want 1", told)
		}
		theirs.Admitted = true
		commit(t, b, inserts(theirs))
		if renewed := commit(t, a, rollcall.Batch{}).Sweeps; renewed != 0 {
			t.Errorf("a is told of %d sweeps, and was never swept", renewed)
		}
		equal(t, "connections", f.connections(t), row{ada, noon, noon}, row{grace, noon, noon})
		if count, _ := f.audit(t).Ghosts(); count != 0 {
			t.Errorf("%d ghosts are left", count)
		}

		// An hour back: the leases seem to run for an hour, until the next commit
		// of each says otherwise.
		f.exec(t, "UPDATE nodes SET lease_expires_at = '2100-01-01 00:00:00+00:00'")
		commit(t, a, rollcall.Batch{})
		commit(t, b, rollcall.Batch{})
		at := f.audit(t)
		for _, n := range at.Nodes {
			if left := n.LeaseExpiresAt.Sub(at.At); left <= 0 || left > time.Minute {
				t.Errorf("the lease of %s runs for %s, want a minute", n.Name, left)
			}
		}
		f.holds(t)
	})
}
