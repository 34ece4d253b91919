package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

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

// The client of a crashed session is told so by the session itself: a registry that is
// stuck just then would leave it before an open socket that nobody answers.
func TestFaultClientOfACrashedSessionNeedsNoRegistryToBeTold(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Fault(actors.RoleRegistry, &actors.Examine{}, actortest.Block, 1)
		stuck := time.Now()
		go func() { _ = k.Examine() }()
		synctest.Wait()
		alice.Crash()
		synctest.Wait()
		alice.WantEnd(rollcall.CloseInternalError)
		if waited := time.Since(stuck); waited != 0 {
			t.Errorf("the client was told after %s, want at once", waited)
		}
		time.Sleep(actortest.BlockTime)
		k.Settle()
		k.WantOnline()
	})
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

// A session that crashes twice cannot close its socket by itself. The client is
// told by the registry, and the history why.
func TestFaultSessionThatCannotCloseItsSocketIsClosedByTheRegistry(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Fault(actors.RoleSession, &actors.Received{}, actortest.PanicBefore, 1)
		k.Fault(actors.RoleSession, &actor.Stopping{}, actortest.PanicBefore, 1)
		alice.Say(`{}`)
		time.Sleep(promised)
		synctest.Wait()
		alice.WantEnd(rollcall.CloseInternalError)
		k.WantOnline()
		commits := k.Store.Commits()
		if last := commits[len(commits)-1]; len(last.Deletes) != 1 || last.Deletes[0].Reason != rollcall.CloseInternalError.Cause() {
			t.Errorf("the last commit is %+v, want one delete of a session that crashed", last)
		}
	})
}

// A socket may have ended without a word, when its client is slow. A session that
// cannot reply goes at once, and not when the registry looks.
func TestSessionThatCannotReplyLeavesAtOnce(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		alice.Break(rollcall.CloseSlow)
		alice.Say(`{}`)
		synctest.Wait()
		k.WantOnline()
	})
}

// Somebody who gives up at the very moment when they are admitted has been greeted,
// and hears nothing of it: the door is gone, and with it who would tell the session
// that its socket is closed.
func TestConnectThatIsAbandonedAsItIsAdmittedLeavesAtOnce(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		bob := k.Connect("bob@example.com")
		k.Settle()
		alice := k.Stranger("alice@example.com")
		id := uuid.New()
		answer := make(chan actors.Answer, 1)
		actors.TellRegistry(k.Presence, &actors.Connect{
			Session: id, Request: rollcall.Connect{Email: alice.Email, Socket: alice},
			Deadline: time.Now().Add(time.Second), Answer: answer,
		})
		synctest.Wait()
		alice.WantOpen()
		alice.Close(rollcall.CloseTryAgainLater)
		actors.TellRegistry(k.Presence, &actors.Abandon{Session: id})
		synctest.Wait()
		bob.WantOpen()
		k.WantOnline("bob@example.com")
	})
}

// With many sessions each look of the registry sees a part of them. All must have
// been seen when a period is over, also those who take the place of another.
func TestFaultLostWordOfTheEndIsRepeatedToEachOfMany(t *testing.T) {
	const many = 250
	actortest.Run(t, func(k *actortest.Kit) {
		var clients []*actortest.Client
		for range many {
			clients = append(clients, k.Connect("alice@example.com"))
		}
		time.Sleep(reconciled) // in the middle of a round
		k.Fault(actors.RoleSession, &actors.Gone{}, actortest.Lose, many/2)
		for _, c := range clients {
			c.Leave()
		}
		synctest.Wait()
		if n := len(k.Store.Sessions()); n == 0 {
			t.Error("no word was lost")
		}
		time.Sleep(reconciled)
		k.WantOnline()
	})
}

// A session whose end the registry believes in, and that lives, is nobody's: it
// must not stay in memory for as long as the server runs.
func TestFaultSessionWithoutAMemberIsStopped(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Stranger("alice@example.com")
		id := uuid.New()
		actors.TellRegistry(k.Presence, &actors.Connect{
			Session: id, Request: rollcall.Connect{Email: alice.Email, Socket: alice},
			Deadline: time.Now().Add(time.Second), Answer: make(chan actors.Answer, 1),
		})
		synctest.Wait()
		alice.WantOpen()
		actors.TellRegistry(k.Presence, &actor.Terminated{Who: actors.SessionPID(k.Presence, id)})
		synctest.Wait()
		alice.WantEnd(rollcall.CloseInternalError)
		k.WantOnline()
		time.Sleep(reconciled)
		synctest.Wait()
		if n := k.Seen(actors.RoleSession, &actor.Stopped{}); n != 1 {
			t.Errorf("%d sessions have stopped, want that of alice", n)
		}
	})
}
