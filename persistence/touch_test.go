package persistence_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// Where everybody talks, all rows are replaced once a second. One that finds no room on
// its page moves to another, with a new entry in each index: twice the work.
func TestTouchLeavesEachRowOnItsPage(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	n := f.join(t, "a")
	here := crowd(300)
	commit(t, n, inserts(here...))
	pages := func(table string) []string {
		return column[string](t, f, "SELECT email || split_part(ctid::text, ',', 1) FROM "+table+" ORDER BY email")
	}
	sessions, connections := pages("sessions"), pages("active_websocket_connections")
	commit(t, n, touches(touched(here, noon.Add(time.Second))...))
	equal(t, "sessions", pages("sessions"), sessions...)
	equal(t, "connections", pages("active_websocket_connections"), connections...)
}

// Two sessions of a user may be in one batch, and the row of the user is written once.
func TestTouchesOfOneUserLeaveTheLatest(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		one, other := arrival(ada, noon), arrival(ada, noon)
		commit(t, n, inserts(one, other))
		for turn := range 2 {
			at := noon.Add(time.Duration(turn+1) * time.Hour)
			later := at.Add(time.Second)
			batch := []rollcall.Change{touch(one, later), touch(other, at)}
			if turn > 0 {
				slices.Reverse(batch)
			}
			commit(t, n, touches(batch...))
			equal(t, "connections", f.connections(t), row{ada, noon, later})
		}
	})
}

// Touches alone are written without the locks of other commits. Users who are connected
// to two nodes must still be locked in one order by both, or each would wait for the
// other.
func TestNodesThatTouchTheSameUsersDoNotDeadlock(t *testing.T) {
	const rounds = 50
	f := newFixture(t, persistencetest.Postgres(t))
	var nodes sync.WaitGroup
	for seed, name := range []string{"a", "b"} {
		n := f.join(t, name)
		here := crowd(200)
		commit(t, n, inserts(here...))
		random := rand.New(rand.NewPCG(uint64(seed), 0))
		nodes.Go(func() {
			for round := range rounds {
				random.Shuffle(len(here), func(i, j int) { here[i], here[j] = here[j], here[i] })
				_, err := n.Commit(t.Context(), touches(touched(here, noon.Add(time.Duration(round+1)*time.Second))...))
				if err != nil {
					t.Errorf("commit %d of node %s: %v", round, name, err)
				}
			}
		})
	}
	nodes.Wait()
	last := noon.Add(rounds * time.Second)
	for _, rows := range [][]row{f.sessions(t), f.connections(t)} {
		for _, r := range rows {
			if !r.LastActivity.Equal(last) {
				t.Errorf("%s was active at %s, want %s", r.Email, r.LastActivity, last)
			}
		}
	}
}

// crowd is the arrivals of many users, who need not be looked up.
func crowd(size int) []rollcall.Change {
	changes := make([]rollcall.Change, size)
	for i := range changes {
		changes[i] = arrival(rollcall.Email(fmt.Sprintf("user%d@example.com", i)), noon)
		changes[i].Admitted = true
	}
	return changes
}

func touched(here []rollcall.Change, at time.Time) []rollcall.Change {
	changes := make([]rollcall.Change, len(here))
	for i, c := range here {
		changes[i] = touch(c, at)
	}
	return changes
}
