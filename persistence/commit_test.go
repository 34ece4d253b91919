package persistence_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// A client that has read its greeting is in the database: what Commit says it
// admitted must be there, with times to the microsecond.
func TestAdmittedSessionHasItsRows(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		result := commit(t, n, inserts(arrival(ada, noon)))
		if want := map[rollcall.Email]rollcall.Entry{ada: {Email: ada, ConnectedAt: noon, LastActivity: noon}}; !maps.Equal(result.Users, want) {
			t.Errorf("users are %v, want %v", result.Users, want)
		}
		equal(t, "sessions", f.sessions(t), row{ada, noon, noon})
		equal(t, "connections", f.connections(t), row{ada, noon, noon})
		f.holds(t)
	})
}

// Only users may connect, and a deactivated user is none: neither may leave a
// row behind.
func TestStrangersAndDeactivatedUsersGetNoRows(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		_, _, err := f.SetUsersActive(t.Context(), []rollcall.Email{grace}, false)
		must(t, err)
		result := commit(t, n, inserts(
			arrival("stranger@example.com", noon), arrival(grace, noon), arrival("ADA@example.com", noon)))
		if len(result.Users) != 0 {
			t.Errorf("users are %v, want none", result.Users)
		}
		equal(t, "sessions", f.sessions(t))
		equal(t, "connections", f.connections(t))
	})
}

// A session that was greeted before is written again without asking, or a user
// who is deactivated while the rows were swept would be online without a row.
func TestAdmittedInsertIsNotLookedUp(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		_, _, err := f.RemoveUsers(t.Context(), []rollcall.Email{ada})
		must(t, err)
		c := arrival(ada, noon)
		c.Admitted = true
		if result := commit(t, n, inserts(c)); len(result.Users) != 0 {
			t.Errorf("users are %v, want none looked up", result.Users)
		}
		equal(t, "connections", f.connections(t), row{ada, noon, noon})
	})
}

// With casefold, all spellings of a user's e-mail are one user with one row, and
// where users differ in case only, the oldest that is active is meant.
func TestCasefoldFindsTheUsersSpelling(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		_, err := f.AddUsers(t.Context(), []rollcall.Email{"Élan@Example.com", "ADA@example.com"})
		must(t, err)
		n := f.joinAs(t, persistence.NodeConfig{Name: "a", Lease: time.Minute, Match: persistence.MatchCasefold})
		result := commit(t, n, inserts(
			arrival("Ada@Example.com", noon), arrival("aDA@example.com", noon), arrival(grace, noon),
			arrival("Élan@example.COM", noon), arrival("élan@example.com", noon)))
		want := map[rollcall.Email]rollcall.Email{
			"Ada@Example.com": ada, "aDA@example.com": ada, grace: grace,
			"Élan@example.COM": "Élan@Example.com", // only ASCII letters have no case
		}
		spellings := make(map[rollcall.Email]rollcall.Email)
		for asked, entry := range result.Users {
			spellings[asked] = entry.Email
		}
		if !maps.Equal(spellings, want) {
			t.Errorf("users are %v, want %v", spellings, want)
		}
		equal(t, "connections", f.connections(t),
			row{ada, noon, noon}, row{grace, noon, noon}, row{"Élan@Example.com", noon, noon})

		_, _, err = f.SetUsersActive(t.Context(), []rollcall.Email{ada}, false)
		must(t, err)
		if got := commit(t, n, inserts(arrival("Ada@Example.com", noon))).Users["Ada@Example.com"].Email; got != "ADA@example.com" {
			t.Errorf("the spelling is %q, want that of the active user", got)
		}
		f.holds(t)
	})
}

// A client that leaves before it was told of its admission leaves under its own
// spelling, and its row must go all the same.
func TestSessionLeavesUnderAnotherSpelling(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.joinAs(t, persistence.NodeConfig{Name: "a", Lease: time.Minute, Match: persistence.MatchCasefold})
		c := arrival("ADA@example.com", noon)
		commit(t, n, inserts(c))
		equal(t, "connections", f.connections(t), row{ada, noon, noon})
		commit(t, n, deletes(departure(c, noon.Add(time.Second))))
		equal(t, "connections", f.connections(t))
		f.holds(t)
	})
}

// The row of a user is the projection of all sessions: the first connected_at,
// the newest last_activity, whatever the order in which they are written.
func TestRowSpansAllSessionsOfItsUser(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		early, late := noon.Add(-time.Minute), noon.Add(time.Minute)
		commit(t, a, inserts(arrival(ada, noon)))
		commit(t, b, inserts(arrival(ada, late), arrival(ada, early)))
		equal(t, "connections", f.connections(t), row{ada, early, late})
		commit(t, a, inserts(arrival(ada, noon)))
		equal(t, "connections", f.connections(t), row{ada, early, late})
		if n := len(f.sessions(t)); n != 4 {
			t.Errorf("%d sessions, want 4", n)
		}
		f.holds(t)
	})
}

// The second fault of the seed: closing one tab must not mark the user offline.
func TestRowStaysUntilTheLastSessionLeaves(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		tab, other, remote := arrival(ada, noon), arrival(ada, noon), arrival(ada, noon)
		commit(t, a, inserts(tab, other))
		commit(t, b, inserts(remote))
		for _, left := range []struct {
			node *persistence.Node
			tab  rollcall.Change
		}{{a, tab}, {a, other}} {
			commit(t, left.node, deletes(departure(left.tab, noon.Add(time.Second))))
			equal(t, "connections", f.connections(t), row{ada, noon, noon})
			f.holds(t)
		}
		commit(t, b, deletes(departure(remote, noon.Add(time.Second))))
		equal(t, "connections", f.connections(t))
		f.holds(t)
	})
}

// Touches may come late or twice; last_activity must never go back, and a touch
// must not bring back what has left.
func TestTouchMovesActivityForwardsOnly(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		c, second, gone := arrival(ada, noon), arrival(ada, noon), arrival(grace, noon)
		commit(t, n, inserts(c, second, gone))
		commit(t, n, deletes(departure(gone, noon)))
		later := noon.Add(time.Second)
		commit(t, n, touches(touch(c, later), touch(second, noon.Add(-time.Hour)), touch(gone, later)))
		equal(t, "sessions", f.sessions(t), row{ada, noon, noon}, row{ada, noon, later})
		equal(t, "connections", f.connections(t), row{ada, noon, later})
		commit(t, n, touches(touch(c, noon)))
		equal(t, "connections", f.connections(t), row{ada, noon, later})
		f.holds(t)
	})
}

// An e-mail may have any character that is none in a JSON text as it is.
func TestTouchFindsEveryEmail(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		later := noon.Add(time.Second)
		for _, e := range []rollcall.Email{`a"b@example.com`, `a\b@example.com`, `a\u0041@example.com`, "a'b@example.com",
			"a\tb\x1f\u2028@example.com", "<é😀&>@example.com", "?@example.com", "{}[],:@example.com", "1"} {
			c := arrival(e, noon)
			c.Admitted = true
			commit(t, n, inserts(c))
			commit(t, n, touches(touch(c, later)))
			equal(t, "sessions", f.sessions(t), row{e, noon, later})
			equal(t, "connections", f.connections(t), row{e, noon, later})
			commit(t, n, deletes(departure(c, later)))
		}
	})
}

// The history is what an operator asks about yesterday: who, where, how long and
// why it ended.
func TestEndedSessionIsInTheHistory(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		c := arrival(ada, noon)
		commit(t, n, inserts(c))
		end := noon.Add(90*time.Second + 250*time.Millisecond)
		commit(t, n, deletes(departure(c, end)))
		equal(t, "history", f.history(t), ended{ada, "a", end, 90250, "closed"})

		// A connect that was given up after its row was written is no history.
		refused := arrival(grace, noon)
		commit(t, n, inserts(refused))
		without := departure(refused, end)
		without.Reason = ""
		commit(t, n, deletes(without))
		equal(t, "history", f.history(t), ended{ada, "a", end, 90250, "closed"})
	})
}

// The answer to a commit may be lost after the commit. The writer then gives the
// batch again, and must not find it half refused.
func TestBatchGivenTwiceChangesNothing(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		old := arrival(grace, noon)
		stays := arrival(linus, noon)
		commit(t, n, inserts(old, stays))
		batch := rollcall.Batch{
			Inserts: []rollcall.Change{arrival(ada, noon)},
			Touches: []rollcall.Change{touch(stays, noon.Add(time.Second))},
			Deletes: []rollcall.Change{departure(old, noon.Add(time.Second))},
		}
		first := commit(t, n, batch)
		sessions, connections, history := f.sessions(t), f.connections(t), f.history(t)
		second := commit(t, n, batch)
		if !maps.Equal(first.Users, second.Users) {
			t.Errorf("users are %v the second time, %v the first", second.Users, first.Users)
		}
		equal(t, "sessions", f.sessions(t), sessions...)
		equal(t, "connections", f.connections(t), connections...)
		equal(t, "history", f.history(t), history...)
		if len(history) != 1 || len(sessions) != 2 {
			t.Errorf("history %v and sessions %v, want one and two rows", history, sessions)
		}
		f.holds(t)
	})
}

// A batch that only renews the lease is how an idle server stays alive.
func TestEmptyBatchRenewsTheLease(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		commit(t, a, inserts(arrival(ada, noon)))
		f.expireLease(t, "a")
		commit(t, a, rollcall.Batch{})
		if swept, err := b.Sweep(t.Context()); swept.Sessions != 0 || err != nil {
			t.Errorf("swept %d sessions of a node that has renewed its lease, %v", swept.Sessions, err)
		}
		equal(t, "connections", f.connections(t), row{ada, noon, noon})
	})
}

// A node must be able to see that somebody deletes its rows by hand. The rows of
// other nodes are no comfort.
func TestCommitCountsTheSessionsOfItsNode(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		a, b := f.join(t, "a"), f.join(t, "b")
		first, second := arrival(ada, noon), arrival(grace, noon)
		commit(t, b, inserts(arrival(ada, noon), arrival(linus, noon)))
		count := func(what string, batch rollcall.Batch, want int) {
			t.Helper()
			batch.Count = true
			if got := commit(t, a, batch).Sessions; got != want {
				t.Errorf("%s the node has %d sessions, want %d", what, got, want)
			}
		}
		count("at first", rollcall.Batch{}, 0)
		count("with two inserts", inserts(first, second), 2)
		count("with a delete", deletes(departure(first, noon)), 1)
		f.exec(t, "DELETE FROM sessions")
		count("after a hand", rollcall.Batch{}, 0)
	})
}

// A batch that the database will never accept must be told from one that may
// come again, or the writer would try it for ever.
func TestContentThatNeverFitsIsRejected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		for what, email := range map[string]rollcall.Email{
			"NUL": "a\x00b@example.com", "bad UTF-8": "a\xffb@example.com", "nothing": "",
		} {
			c := arrival(email, noon)
			c.Admitted = true
			_, err := n.Commit(t.Context(), inserts(c))
			if !isRejected(err) {
				t.Errorf("an e-mail with %s gives the error %v, want a rejection", what, err)
			}
		}
		f.exec(t, "CREATE UNIQUE INDEX one_agent ON sessions (user_agent)") // a constraint to break
		_, err := n.Commit(t.Context(), inserts(arrival(ada, noon), arrival(grace, noon)))
		is(t, err, rollcall.ErrRejected)
		equal(t, "sessions", f.sessions(t))

		f.exec(t, "DROP TABLE active_websocket_connections") // which the operator can undo
		_, err = n.Commit(t.Context(), inserts(arrival(ada, noon)))
		if err == nil {
			t.Fatal("the commit succeeded without its table")
		}
		if isRejected(err) {
			t.Errorf("a missing table rejects the batch: %v", err)
		}
	})
}

// The same session twice in one batch breaks the contract, but must not corrupt
// anything: it is rejected, or written once.
func TestSessionTwiceInOneBatchIsWrittenOnceOrRejected(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.join(t, "a")
		c := arrival(ada, noon)
		c.Session = uuid.New()
		_, err := n.Commit(t.Context(), inserts(c, c))
		if err != nil && !isRejected(err) {
			t.Errorf("got the error %v, want none or a rejection", err)
		}
		if got := len(f.sessions(t)); err == nil && got != 1 || err != nil && got != 0 {
			t.Errorf("%d sessions after the error %v", got, err)
		}
		f.holds(t)
	})
}

// PostgreSQL keeps the plan of a statement that it is given again. One that was made
// while a table was small must not read all of it when it is long.
func TestSmallTablesAreReadByTheirIndexesToo(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		if _, dialect, _ := persistence.NewConnector(f.url); dialect == persistence.SQLite {
			return // it knows no sizes
		}
		for _, table := range []string{"users", "sessions", "active_websocket_connections"} {
			plan := strings.Join(column[string](t, f, "EXPLAIN SELECT 1 FROM "+table+" WHERE email = ANY ('{a,b,c}')"), "\n")
			if strings.Contains(plan, "Seq Scan") {
				t.Errorf("of %s all is read:\n%s", table, plan)
			}
		}
	})
}
