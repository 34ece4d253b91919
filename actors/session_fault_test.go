package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// A session that crashes must take its entry and its row with it, and nobody else's.
func TestFaultCrashedSessionRemovesItsRow(t *testing.T) {
	for name, example := range map[string]any{
		"in its start":   &actor.Started{},
		"in a frame":     &actors.Received{},
		"while stopping": &actor.Stopping{},
	} {
		for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
			t.Run(name+", "+when, func(t *testing.T) {
				actortest.Run(t, func(k *actortest.Kit) {
					bob := k.Connect("bob@example.com")
					k.Fault(actors.RoleSession, example, how, 1)
					alice := k.Connect("alice@example.com")
					switch example.(type) {
					case *actors.Received:
						alice.Say(`{"message": "boom"}`)
					case *actor.Stopping:
						alice.Leave()
					}
					time.Sleep(time.Second)
					synctest.Wait()
					if why, ended := alice.Ended(); !ended {
						t.Errorf("the crashed session's socket is open, want it closed")
					} else if _, leaving := example.(*actor.Stopping); !leaving && why != rollcall.CloseInternalError {
						t.Errorf("the crashed session's socket ended with %v", why)
					}
					bob.WantOpen()
					k.WantOnline("bob@example.com")
					k.Connect("alice@example.com").WantOpen()
				})
			})
		}
	}
}

// A session that is not told to go would be a ghost, or a second winner.
func TestFaultLostEndIsSaidAgain(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		older := k.Connect("alice@example.com")
		bob := k.Connect("bob@example.com")
		k.Fault(actors.RoleSession, &actors.End{}, actortest.Lose, 2)
		newer := k.Connect("alice@example.com")
		bob.Leave()
		synctest.Wait()
		k.Settle()
		older.WantEnd(rollcall.CloseReplaced)
		newer.WantOpen()
		k.WantOnline("alice@example.com")
		if n := k.Store.SessionCount(); n != 1 {
			t.Errorf("%d sessions are stored, want 1", n)
		}
	}, actortest.Policy(rollcall.PolicyNewest))
}

// Nobody waits for a connect that was abandoned: what it became is undone.
func TestAbandonedConnectLeavesNothing(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Fault(actors.RoleWriter, &actors.Commit{}, actortest.Block, 1)
		k.Connect("alice@example.com").WantEnd(rollcall.CloseTryAgainLater)
		time.Sleep(actortest.BlockTime)
		k.Settle()
		k.WantOnline()
	})
}
