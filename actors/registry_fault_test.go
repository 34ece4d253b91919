package actors_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// A shutdown that a crash swallows would leave everybody inside.
func TestFaultLostDrainIsAskedAgain(t *testing.T) {
	for how, name := range map[actortest.How]string{
		actortest.PanicBefore: "crash before", actortest.PanicAfter: "crash after", actortest.Lose: "loss", actortest.Double: "doubling",
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				alice := k.Connect("alice@example.com")
				k.Fault(actors.RoleRegistry, &actors.Drain{}, how, 1)
				if err := k.Presence.Drain(k.Context(), rollcall.CloseGoingAway); err != nil {
					t.Error(err)
				}
				alice.WantEnd(rollcall.CloseGoingAway)
				k.WantOnline()
				if err := k.Presence.Drain(k.Context(), rollcall.CloseGoingAway); err != nil {
					t.Errorf("draining an empty server again: %v", err)
				}
			})
		})
	}
}

// In the middle of a storm of connects each of them still gets its answer:
// admitted and listed, or told to come again, when it has waited and not later.
func TestFaultRegistryCrashesInTheMiddleOfAThousandConnects(t *testing.T) {
	for name, example := range map[string]any{"Connect": &actors.Connect{}, "Committed": &actors.Committed{}} {
		for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
			t.Run(when+" "+name, func(t *testing.T) {
				actortest.Run(t, func(k *actortest.Kit) { storm(k, example, how) })
			})
		}
	}
}

// storm is a thousand connects with three crashes in the middle.
func storm(k *actortest.Kit, example any, how actortest.How) {
	k.Helper()
	emails := []rollcall.Email{"alice@example.com", "bob@example.com", "carol@example.com"}
	var all []*actortest.Client
	for i := range 1000 {
		all = append(all, k.ConnectLater(emails[i%3]))
		if i%300 == 150 {
			k.Fault(actors.RoleRegistry, example, how, 1)
		}
	}
	time.Sleep(promised)
	synctest.Wait()
	k.WantAgreement()
	if n := k.Store.SessionCount(); n < 997 {
		k.Errorf("%d of 1000 are in a second after three crashes", n)
	}
	time.Sleep(actortest.ConnectTimeout - promised)
	synctest.Wait()
	for _, c := range all {
		if _, ended := c.Ended(); ended {
			c.WantLate()
		} else {
			c.WantOpen()
		}
	}
	k.WantAgreement()
}

// Who comes while the registry crashes on it cannot know, and is told to come
// again; not before it has waited as long as everybody, and not after.
func TestFaultLostConnectIsToldAtItsDeadline(t *testing.T) {
	for how, name := range map[actortest.How]string{actortest.PanicBefore: "crash", actortest.Lose: "loss"} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				alice := k.Connect("alice@example.com")
				k.Fault(actors.RoleRegistry, &actors.Connect{}, how, 1)
				k.Connect("bob@example.com").WantLate()
				alice.WantOpen()
				k.WantOnline("alice@example.com")
			})
		})
	}
}

// A crash while nothing happens must be one that nobody notices.
func TestFaultIdleRegistryCrashesUnnoticed(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		for range 10 {
			k.Fault(actors.RoleRegistry, actors.TickExample, actortest.PanicAfter, 1)
			time.Sleep(2 * time.Second) // or it would be once too often
		}
		before := len(k.Store.Commits())
		time.Sleep(10 * actortest.Lease)
		synctest.Wait()
		if renewals := len(k.Store.Commits()) - before; renewals < 20 {
			t.Errorf("the lease was renewed %d times in ten leases, want about 30", renewals)
		}
		alice.WantOpen()
		k.WantAgreement()
	})
}

// What the writer has in hand when the registry crashes may be written or not: it
// is written again, and its own answer, which comes later, is that to another batch.
func TestFaultRegistryCrashesWhileTheWriterHoldsABatch(t *testing.T) {
	for trouble, name := range map[actortest.Trouble]string{
		actortest.None: "applied", actortest.FailBefore: "not applied", actortest.FailAfter: "applied and reported failed",
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				bob, dora := k.Connect("bob@example.com"), k.Connect("dora@example.com")
				k.Settle()
				k.Store.Trouble(once(trouble))
				k.Store.Delay(200 * time.Millisecond)
				alice := k.ConnectLater("alice@example.com")
				bob.Leave()
				time.Sleep(100 * time.Millisecond)
				k.Fault(actors.RoleRegistry, &actors.Ask{}, actortest.PanicBefore, 1)
				carol := k.ConnectLater("carol@example.com")
				ctx, cancel := context.WithTimeout(k.Context(), time.Millisecond)
				_, _ = k.Presence.Snapshot(ctx) // crashes the registry, and so has no answer
				cancel()
				time.Sleep(promised)
				synctest.Wait()
				alice.WantOpen()
				carol.WantOpen()
				dora.WantOpen()
				k.WantOnline("alice@example.com", "carol@example.com", "dora@example.com")
				k.WantAgreement()
			})
		})
	}
}

// A registry that is stuck holds up whoever comes, until their deadline, and
// nobody who is in; nothing piles up, and it recovers by itself.
func TestFaultStuckRegistryRecovers(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		k.Fault(actors.RoleRegistry, actors.TickExample, actortest.Block, 1)
		time.Sleep(time.Second)
		var late []*actortest.Client
		for range 1000 {
			late = append(late, k.ConnectLater("bob@example.com"))
		}
		time.Sleep(actortest.ConnectTimeout)
		synctest.Wait()
		for _, c := range late {
			c.WantLate()
		}
		for range 1000 {
			alice.Say(`{"message": "still here"}`)
		}
		synctest.Wait()
		if n := len(alice.Frames()); n != 1001 {
			t.Errorf("alice has read %d frames, want her greeting and 1000 replies", n)
		}
		time.Sleep(actortest.BlockTime)
		k.Settle()
		k.WantOnline("alice@example.com")
		k.Connect("bob@example.com").WantOpen()
	})
}

// Ten crashes in ten seconds are borne; the eleventh ends the server, because a
// registry that swallows connects is worse than none.
func TestFaultRegistryThatCrashesElevenTimesEndsTheServer(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Fault(actors.RoleRegistry, &actors.Ask{}, actortest.PanicAfter, 10)
		for range 10 {
			k.Snapshot()
		}
		time.Sleep(time.Minute)
		alice.WantOpen()
		k.WantOnline("alice@example.com")
		k.Fault(actors.RoleRegistry, &actors.Ask{}, actortest.PanicAfter, 11)
		for range 10 {
			k.Snapshot()
		}
		_, _ = k.Presence.Snapshot(k.Context()) // its answer races with the end
		<-k.Presence.Done()
		if err := k.Presence.Err(); !errors.Is(err, actors.ErrGaveUp) {
			t.Errorf("presence ended with %v, want ErrGaveUp", err)
		}
	})
}

// A drain ends when everybody is out. Whoever was not told to go is told again.
func TestFaultDrainWhoseEndIsLostEndsAllTheSame(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Fault(actors.RoleSession, &actors.End{}, actortest.Lose, 1)
		ctx, cancel := context.WithTimeout(k.Context(), reconciled)
		defer cancel()
		if err := k.Presence.Drain(ctx, rollcall.CloseGoingAway); err != nil {
			t.Error(err)
		}
		alice.WantEnd(rollcall.CloseGoingAway)
		k.WantOnline()
	})
}

// Under policy oldest connects wait behind the first of their user, which the
// database does not know of. A drain tells them as well, and at once.
func TestDrainTellsThoseBehindAnother(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Store.Trouble(actortest.Always(actortest.Hang))
		first := k.ConnectLater("alice@example.com")
		synctest.Wait()
		second := k.ConnectLater("alice@example.com")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(k.Context(), time.Millisecond)
		defer cancel()
		_ = k.Presence.Drain(ctx, rollcall.CloseGoingAway) // the rows are unknown, and it would wait for them
		first.WantEnd(rollcall.CloseGoingAway)
		second.WantEnd(rollcall.CloseGoingAway)
	}, actortest.Policy(rollcall.PolicyOldest))
}

// The crash may come when some of a batch were admitted and others not yet. Those
// are on the roster, and so they must have their session.
func TestFaultRegistryThatCrashesWhileItAdmitsGoesOnWithTheRest(t *testing.T) {
	crashed := false
	log := &journal{onLine: func(line string) {
		if strings.Contains(line, "session admitted") && !strings.Contains(line, "carol") && !crashed {
			crashed = true
			panic("fault: in the middle of an admission")
		}
	}}
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Store.Delay(100 * time.Millisecond)
		k.ConnectLater("carol@example.com") // those who come meanwhile are one batch
		synctest.Wait()
		alice, bob := k.ConnectLater("alice@example.com"), k.ConnectLater("bob@example.com")
		time.Sleep(promised)
		synctest.Wait()
		if !crashed {
			t.Error("nothing has crashed")
		}
		alice.WantOpen()
		bob.WantOpen()
		k.WantAgreement()
		time.Sleep(reconciled)
		synctest.Wait()
		k.WantAgreement() // although one of them has never heard that it was admitted
	}, journaled(log))
}
