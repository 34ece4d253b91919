package persistence_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// Two nodes write the same users at once, and a third sweeps beside them. Without
// the locks of a commit, a node that deletes a user's last session it knows of
// takes the row along that another one has just written. (SQLite runs one
// transaction after the other; there is nothing to race.)
func TestNodesThatRaceForTheSameUsersKeepTheInvariant(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	sweeper := f.join(t, "sweeper")
	var racers, sweeping sync.WaitGroup
	over := make(chan struct{})
	left := make([][]rollcall.Change, 2)
	for i, name := range []string{"a", "b"} {
		n := f.join(t, name)
		racers.Go(func() { left[i] = race(t, f, n, uint64(i)) })
	}
	sweeping.Go(func() {
		for {
			select {
			case <-over:
				return
			default:
				sweeper.LookedEarlier(persistence.LookEvery) // it finds nothing to mend, and disturbs nobody
				if swept, err := sweeper.Sweep(t.Context()); swept.Sessions != 0 || err != nil {
					t.Errorf("swept %d sessions of living nodes, %v", swept.Sessions, err)
				}
			}
		}
	})
	racers.Wait()
	close(over)
	sweeping.Wait()

	f.holds(t)
	if got, want := len(f.sessions(t)), len(left[0])+len(left[1]); got != want {
		t.Errorf("%d sessions in the database, want the %d that did not leave", got, want)
	}
}

// race lets sessions of two users come, be active and go in random batches, and
// returns those that are left. The invariant must hold at every moment, since
// each transaction keeps it: a row that is lost would soon be written again.
func race(t *testing.T, f *fixture, n *persistence.Node, seed uint64) (here []rollcall.Change) {
	const rounds, mostSessions = 200, 2
	users := []rollcall.Email{ada, grace}
	random := rand.New(rand.NewPCG(seed, seed))
	for round := range rounds {
		at := noon.Add(time.Duration(round) * time.Second)
		var batch rollcall.Batch
		rest := here[:0:0]
		for _, c := range here {
			switch random.IntN(3) {
			case 0:
				batch.Deletes = append(batch.Deletes, departure(c, at))
			case 1:
				batch.Touches = append(batch.Touches, touch(c, at))
				fallthrough
			default:
				rest = append(rest, c)
			}
		}
		for range random.IntN(mostSessions + 1 - len(rest)) {
			batch.Inserts = append(batch.Inserts, arrival(users[random.IntN(len(users))], at))
		}
		here = append(rest, batch.Inserts...)
		if !commitAtLast(t, n, batch) {
			return here
		}
		f.holds(t)
	}
	return here
}

// commitAtLast gives a batch again, as the writer does, when the database ended
// its transaction to resolve a deadlock.
func commitAtLast(t *testing.T, n *persistence.Node, batch rollcall.Batch) bool {
	const attempts = 5
	var err error
	for range attempts {
		if _, err = n.Commit(t.Context(), batch); err == nil {
			return true
		}
		t.Logf("a commit failed and is given again: %v", err)
	}
	t.Errorf("a commit failed %d times: %v", attempts, err)
	return false
}

// The same race in slow motion, on the database that has row locks: while b's
// arrival is written and not committed, a deletes the only session that it can
// see. The row must be there when both are done.
func TestRowOfAnArrivalOutlivesTheDepartureBesideIt(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	a := f.join(t, "a")
	f.join(t, "b")
	c := arrival(ada, noon)
	commit(t, a, inserts(c))

	b, err := f.raw.BeginTx(t.Context(), nil)
	must(t, err)
	for _, statement := range []string{
		`INSERT INTO sessions (id, email, node_id, connected_at, last_activity, address, user_agent)
			SELECT gen_random_uuid(), 'ada@example.com', id, now(), now(), '', '' FROM nodes WHERE name = 'b'`,
		`UPDATE active_websocket_connections SET last_activity = now() WHERE email = 'ada@example.com'`,
	} {
		_, err := b.ExecContext(t.Context(), statement)
		must(t, err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := a.Commit(t.Context(), deletes(departure(c, noon)))
		done <- err
	}()
	f.awaitLock(t)
	must(t, b.Commit())
	must(t, <-done)
	if got := len(f.connections(t)); got != 1 {
		t.Errorf("%d active connections, want that of the user who is on b", got)
	}
	f.holds(t)
}

// Two nodes that lock the rows of the same users in two orders wait for each other. The
// order must be that of the e-mails, wherever the rows lie, however they are found, and
// whatever happens to each.
func TestRowsAreLockedInTheOrderOfTheirEmails(t *testing.T) {
	for name, batch := range map[string]func(last, first rollcall.Change) rollcall.Batch{
		"both leave": func(last, first rollcall.Change) rollcall.Batch {
			return deletes(departure(last, noon), departure(first, noon))
		},
		"the last is written again, and a tab of the first comes": func(last, first rollcall.Change) rollcall.Batch {
			last.Admitted = true
			return inserts(last, arrival(first.Email, noon))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, persistencetest.Postgres(t))
			name := column[string](t, f, "SELECT current_database()")[0]
			f.exec(t, "ALTER DATABASE "+name+" SET enable_indexscan = off") // so that they are found as they lie
			n := (&fixture{Database: open(t, f.url)}).join(t, "a")
			last, first := arrival(linus, noon), arrival(ada, noon)
			commit(t, n, inserts(last))
			commit(t, n, inserts(first))

			other, err := f.raw.BeginTx(t.Context(), nil)
			must(t, err)
			_, err = other.ExecContext(t.Context(), "SELECT 1 FROM active_websocket_connections WHERE email = 'linus@example.com' FOR UPDATE")
			must(t, err)
			done := make(chan error, 1)
			go func() {
				_, err := n.Commit(t.Context(), batch(last, first))
				done <- err
			}()
			f.awaitLock(t)
			equal(t, "free, while the last is waited for",
				column[string](t, f, "SELECT email FROM active_websocket_connections WHERE email = 'ada@example.com' FOR UPDATE SKIP LOCKED"))
			must(t, other.Rollback())
			must(t, <-done)
		})
	}
}

// awaitLock waits until somebody waits for a lock in PostgreSQL's database.
func (f *fixture) awaitLock(t *testing.T) {
	t.Helper()
	eventually(t, "somebody waits for a lock", func() bool {
		var waiting int
		must(t, f.raw.QueryRowContext(t.Context(),
			`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
		).Scan(&waiting))
		return waiting == 1
	})
}
