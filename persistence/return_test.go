package persistence_test

import (
	"slices"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// A client that leaves and comes back at once may do both in one commit. Whoever
// watches has seen a leave and a join; the rows and the outbox must say so too, or the
// time before the leave counts twice.
func TestReturnInTheCommitOfTheDepartureIsALeaveAndAJoin(t *testing.T) {
	for _, client := range []rollcall.Email{ada, "ADA@example.com"} { // as it spells itself
		eachDatabase(t, func(t *testing.T, f *fixture) {
			n := f.joinAs(t, persistence.NodeConfig{Name: "a", Lease: time.Minute, Match: persistence.MatchCasefold, Announce: true})
			old := arrival(client, noon)
			commit(t, n, inserts(old, arrival(grace, noon)))
			end, back := noon.Add(time.Minute), noon.Add(time.Minute+time.Second)
			batch := inserts(arrival(client, back))
			batch.Deletes = deletes(departure(old, end)).Deletes
			for range 2 { // the answer may be lost, and the batch comes again
				entry := commit(t, n, batch).Users[client]
				if want := (rollcall.Entry{Email: ada, ConnectedAt: back, LastActivity: back}); entry != want {
					t.Errorf("the answer is %+v, want %+v", entry, want)
				}
				equal(t, "connections", f.connections(t), row{ada, back, back}, row{grace, noon, noon})
				equal(t, "sessions", f.sessions(t), row{ada, back, back}, row{grace, noon, noon})
				equal(t, "history", f.history(t), ended{ada, "a", end, 60_000, "closed"})
				f.wantNotices(t,
					announced{rollcall.EventJoin, ada, noon, noon, ""},
					announced{rollcall.EventJoin, grace, noon, noon, ""},
					announced{rollcall.EventLeave, ada, end, noon, "closed"},
					announced{rollcall.EventJoin, ada, back, back, ""})
				f.holds(t)
			}
		})
	}
}

// A user who has another session has not left, wherever that is, and also if it is
// written again in the same commit: the answer to the connect tells of the row that
// was there.
func TestReturnOfAUserWithAnotherSessionIsNoJoin(t *testing.T) {
	for where, stays := range map[string]func(t *testing.T, f *fixture, n *persistence.Node, b *rollcall.Batch){
		"here": func(t *testing.T, _ *fixture, n *persistence.Node, _ *rollcall.Batch) {
			commit(t, n, inserts(arrival(ada, noon)))
		},
		"elsewhere": func(t *testing.T, f *fixture, _ *persistence.Node, _ *rollcall.Batch) {
			commit(t, f.announcing(t, "b"), inserts(arrival(ada, noon)))
		},
		"written again": func(_ *testing.T, _ *fixture, _ *persistence.Node, b *rollcall.Batch) {
			c := arrival(ada, noon)
			c.Admitted = true
			b.Inserts = append(b.Inserts, c)
		},
	} {
		eachDatabase(t, func(t *testing.T, f *fixture) {
			n := f.announcing(t, "a")
			old := arrival(ada, noon)
			commit(t, n, inserts(old))
			back := noon.Add(time.Minute)
			batch := inserts(arrival(ada, back))
			batch.Deletes = deletes(departure(old, back)).Deletes
			stays(t, f, n, &batch)
			for range 2 {
				entry := commit(t, n, batch).Users[ada]
				if want := (rollcall.Entry{Email: ada, ConnectedAt: noon, LastActivity: back}); entry != want {
					t.Errorf("%s: the answer is %+v, want %+v", where, entry, want)
				}
				equal(t, where+": connections", f.connections(t), row{ada, noon, back})
				equal(t, where+": sessions", f.sessions(t), row{ada, noon, noon}, row{ada, back, back})
				f.wantNotices(t, announced{rollcall.EventJoin, ada, noon, noon, ""})
				f.holds(t)
			}
		})
	}
}

// A user whose row was swept may be written again in the commit in which a tab comes:
// that is one join, and the user is here since before.
func TestUserWhoIsWrittenAgainBesideANewTabJoinsOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		again, tab := arrival(ada, noon), arrival(ada, noon.Add(time.Minute))
		again.Admitted = true
		for range 2 {
			commit(t, n, inserts(tab, again))
			equal(t, "connections", f.connections(t), row{ada, noon, noon.Add(time.Minute)})
			if notices := f.notices(t); len(notices) != 1 || notices[0].Kind != rollcall.EventJoin || notices[0].ConnectedAt != noon {
				t.Errorf("the notices are %.400v", notices)
			}
		}
	})
}

// A connect that was turned away has left nothing behind but its row, if that. The user
// has left with the session that was there, and so watchers were told, although it ended
// first.
func TestLeaveIsNotThatOfAConnectThatWasTurnedAway(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		n := f.announcing(t, "a")
		here, refused, other := arrival(ada, noon), arrival(ada, noon), arrival(grace, noon)
		commit(t, n, inserts(here, refused, other))
		end, late := noon.Add(time.Minute), noon.Add(2*time.Minute)
		turnedAway := func(c rollcall.Change) rollcall.Change {
			return rollcall.Change{Session: c.Session, Email: c.Email, EndedAt: late}
		}
		commit(t, n, deletes(departure(here, end), turnedAway(refused), turnedAway(other)))
		notices := f.notices(t)[2:]
		slices.SortFunc(notices, func(a, b announced) int { return a.At.Compare(b.At) })
		equal(t, "leaves", notices,
			announced{rollcall.EventLeave, ada, end, noon, "closed"},
			announced{rollcall.EventLeave, grace, late, noon, ""})
	})
}
