package persistence_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// A hand in the database, or a restored table, can leave active connections that
// nobody has, and take those of users who are online: neither may be so for ever. A
// server that joins sees to it, and one that runs, when its last look is so long ago.
func TestActiveConnectionsAreMendedFromTimeToTime(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		later := noon.Add(time.Minute)
		tab := arrival(ada, later)
		tab.LastActivity, tab.UserActivity = later.Add(time.Hour), later.Add(time.Hour)
		commit(t, n, inserts(arrival(ada, noon), tab, arrival(grace, noon)))
		right := []row{{ada, noon, later.Add(time.Hour)}, {grace, noon, noon}}
		spoilt := func() {
			f.exec(t, "DELETE FROM active_websocket_connections WHERE email = 'ada@example.com'")
			f.insertGhosts(t, 1)
		}
		sweep := func() {
			_, err := n.Sweep(t.Context())
			must(t, err)
		}
		spoilt()
		ghost := f.connections(t)[0]
		sweep()
		equal(t, "connections, just after a look", f.connections(t), ghost, right[1])
		n.LookedEarlier(persistence.LookEvery - 2*time.Second)
		sweep()
		equal(t, "connections, before the next look", f.connections(t), ghost, right[1])
		n.LookedEarlier(2 * time.Second)
		sweep()
		equal(t, "connections, when it was time to look", f.connections(t), right...)
		f.holds(t)

		spoilt()
		other := f.join(t, "b")
		equal(t, "connections, when another server has joined", f.connections(t), right...)
		spoilt()
		_, err := other.Sweep(t.Context())
		must(t, err)
		equal(t, "connections, just after it has joined", f.connections(t), ghost, right[1])
	})
}

// A table that was emptied has more to be put back than one transaction takes.
func TestAllActiveConnectionsThatAreMissingArePutBack(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		const users = 1500
		for from := range 2 {
			var batch rollcall.Batch
			for i := range users / 2 {
				c := arrival(rollcall.Email(fmt.Sprintf("user%d@example.com", from*users/2+i)), noon)
				c.Admitted = true
				batch.Inserts = append(batch.Inserts, c)
			}
			commit(t, n, batch)
		}
		before := f.connections(t)
		f.exec(t, "DELETE FROM active_websocket_connections")
		f.insertGhosts(t, users)
		swept, err := f.Sweep(t.Context())
		if must(t, err); swept.Missing != users || swept.Orphans != users {
			t.Errorf("%d were put back and %d orphans removed, want %d of each", swept.Missing, swept.Orphans, users)
		}
		equal(t, "connections", f.connections(t), before...)
		f.holds(t)
		if swept, err = f.Sweep(t.Context()); err != nil || swept.Missing+swept.Orphans > 0 {
			t.Errorf("the second sweep found %+v, %v", swept, err)
		}
	})
}

// A user whose row was deleted was not announced as gone, and does not join by its
// coming back: what is posted must go on as join, leave, join.
func TestActiveConnectionThatIsPutBackIsNotAnnounced(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		c := arrival(ada, noon)
		commit(t, n, inserts(c))
		f.exec(t, "DELETE FROM active_websocket_connections")
		_, err := f.Sweep(t.Context())
		must(t, err)
		equal(t, "connections", f.connections(t), row{ada, noon, noon})
		commit(t, n, deletes(departure(c, noon)))
		notices := f.notices(t)
		if len(notices) != 2 || notices[0].Kind != rollcall.EventJoin || notices[1].Kind != rollcall.EventLeave {
			t.Errorf("the notices are %.300v, want one join and one leave", notices)
		}
	})
}

// A user may leave while the row is put back: neither transaction sees what the other
// has not committed, and an orphan would be listed until the next look. (SQLite runs
// one transaction after the other; there is nothing to race.)
func TestUserWhoLeavesWhileTheRowIsPutBackIsGone(t *testing.T) {
	f := newFixture(t, persistencetest.Postgres(t))
	n := f.join(t, "a")
	c := arrival(ada, noon)
	commit(t, n, inserts(c))
	f.exec(t, "DELETE FROM active_websocket_connections")
	leaving, err := f.raw.BeginTx(t.Context(), nil)
	must(t, err)
	_, err = leaving.ExecContext(t.Context(), "DELETE FROM sessions")
	must(t, err)
	done := make(chan error, 1)
	go func() {
		_, err := f.Sweep(t.Context())
		done <- err
	}()
	f.awaitLock(t)
	must(t, leaving.Commit())
	must(t, <-done)
	equal(t, "connections", f.connections(t))
	f.holds(t)
}

// insertGhosts adds active connections that nobody has.
func (f *fixture) insertGhosts(t *testing.T, count int) {
	t.Helper()
	var values []string
	for n := range count {
		values = append(values, fmt.Sprintf("('ghost%d@example.com', '2020-01-01 00:00:00+00:00', '2020-01-01 00:00:00+00:00')", n))
	}
	f.exec(t, "INSERT INTO active_websocket_connections (email, connected_at, last_activity) VALUES "+strings.Join(values, ", "))
}
