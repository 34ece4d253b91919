package persistence_test

import (
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
)

// A user is online on whichever server; each must see what the others have, and of
// its own rows none, since its memory is ahead of them. What a dead server left is
// still somebody's until it is swept.
func TestSessionsOfOtherNodesAreSeen(t *testing.T) {
	eachDatabase(t, func(t *testing.T, f *fixture) {
		here, there := f.join(t, "here"), f.join(t, "there")
		folding := f.joinAs(t, persistence.NodeConfig{Name: "folding", Lease: time.Minute, Match: persistence.MatchCasefold})
		own, first, second := arrival(ada, noon), arrival(ada, noon), arrival(ada, noon.Add(time.Second))
		commit(t, here, inserts(own))
		commit(t, there, inserts(second, first, arrival(grace, noon)))
		commit(t, there, touches(touch(first, noon.Add(time.Minute))))
		seen := func(node string, c rollcall.Change, active time.Time) rollcall.SessionElsewhere {
			return rollcall.SessionElsewhere{Email: ada, Node: node, SessionState: rollcall.SessionState{
				ID: c.Session, ConnectedAt: c.ConnectedAt, LastActivity: active, Address: "192.0.2.1:4711", UserAgent: "test",
			}}
		}
		a, b := seen("there", first, noon.Add(time.Minute)), seen("there", second, second.ConnectedAt)
		equal(t, "sessions", elsewhere(t, here, ada), a, b)
		equal(t, "sessions", elsewhere(t, there, ada), seen("here", own, noon))
		equal(t, "sessions", elsewhere(t, here, "ADA@example.com"))
		equal(t, "sessions", elsewhere(t, here, "a\x00b"))
		if got := elsewhere(t, folding, "ADA@example.com"); len(got) != 3 {
			t.Errorf("in another case %d are seen, want 3", len(got))
		}
		f.expireLease(t, "there")
		equal(t, "sessions", elsewhere(t, here, ada), a, b)
		if _, err := here.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, "sessions", elsewhere(t, here, ada))
	})
}

func elsewhere(t *testing.T, n *persistence.Node, email rollcall.Email) []rollcall.SessionElsewhere {
	t.Helper()
	sessions, err := n.Elsewhere(t.Context(), email)
	must(t, err)
	return sessions
}
