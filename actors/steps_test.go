package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// A list that is known not to have changed is sent again without asking for it, so
// the version must never be known while a client has had an answer that a snapshot
// would show.
func TestVersionIsKnownOnlyWhileNothingHasHappened(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		before := wantVersion(t, k)
		alice.Say(`{}`)
		synctest.Wait()
		if v, known := k.Presence.Version(); known {
			t.Errorf("after a reply the version is still %d", v)
		}
		if after := wantVersion(t, k); after == before {
			t.Error("activity leaves the version as it was")
		}
		before = wantVersion(t, k)
		k.Connect("bob@example.com")
		if after := wantVersion(t, k); after == before {
			t.Error("a join leaves the version as it was")
		}
	})
}

// After a crash of the registry nothing is known until it has reconciled.
func TestVersionIsNotKnownAfterACrash(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		alice.Say(`{}`)
		k.Fault(actors.RoleRegistry, actors.TickExample, actortest.PanicBefore, 1)
		time.Sleep(time.Second)
		synctest.Wait()
		wantVersion(t, k)
	})
}

// wantVersion returns the version of a snapshot, which must be the one that is
// known behind it.
func wantVersion(t *testing.T, k *actortest.Kit) uint64 {
	t.Helper()
	s, err := k.Presence.Snapshot(k.Context())
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if v, known := k.Presence.Version(); !known || v != s.Version {
		t.Errorf("behind snapshot %d version %d is known: %t", s.Version, v, known)
	}
	return s.Version
}
