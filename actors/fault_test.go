package actors_test

import (
	"errors"
	"fmt"
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

// A writer that crashes is nobody's business but the registry's: whatever it
// had in hand is settled by writing it again.
func TestFaultCrashedWriterLosesNothing(t *testing.T) {
	for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
		t.Run(when+" the commit", func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				bob := k.Connect("bob@example.com")
				k.Fault(actors.RoleWriter, &actors.Commit{}, how, 3)
				alice := k.Connect("alice@example.com")
				bob.Leave()
				k.Settle()
				alice.WantOpen()
				k.WantOnline("alice@example.com")
			})
		})
	}
}

// A commit that fails, or that is applied and reported failed, is written
// again until rows and registry are equal.
func TestFaultFailedCommitIsTriedAgain(t *testing.T) {
	for trouble, name := range map[actortest.Trouble]string{
		actortest.FailBefore: "not applied", actortest.FailAfter: "applied", actortest.Hang: "hung",
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				bob := k.Connect("bob@example.com")
				k.Store.Trouble(actortest.Always(trouble))
				late := k.ConnectLater("alice@example.com")
				bob.Leave()
				time.Sleep(time.Minute)
				late.WantEnd(rollcall.CloseTryAgainLater)
				k.Store.Trouble(nil)
				k.Settle()
				k.WantOnline()
				k.Connect("alice@example.com").WantOpen()
			})
		})
	}
}

// While the database is away open sockets talk, the snapshot answers, and what
// ends is remembered; a second after its return the tables are true again.
func TestFaultDatabaseAwayDisturbsNobodyInside(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
		k.Store.Trouble(actortest.Always(actortest.FailBefore))
		time.Sleep(10 * time.Minute)
		alice.Say(`{"message": "still here"}`)
		bob.Leave()
		synctest.Wait()
		if n := len(alice.Frames()); n != 2 {
			t.Errorf("alice has read %d frames, want her greeting and her reply", n)
		}
		if online := k.Snapshot(); len(online) != 1 {
			t.Errorf("the snapshot lists %v, want alice alone", online)
		}
		k.Store.Trouble(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		k.WantOnline("alice@example.com")
	})
}

// A change that the database will never accept must not hold up the others.
func TestFaultRejectedChangeStandsAlone(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Store.Trouble(func(b rollcall.Batch) actortest.Trouble {
			for _, c := range b.Inserts {
				if c.Email == "carol@example.com" {
					return actortest.Reject
				}
			}
			return actortest.None
		})
		var others []*actortest.Client
		for range 50 {
			others = append(others, k.ConnectLater("alice@example.com"))
		}
		carol := k.ConnectLater("carol@example.com")
		for range 50 {
			others = append(others, k.ConnectLater("bob@example.com"))
		}
		k.Settle()
		carol.WantEnd(rollcall.CloseInternalError)
		for _, c := range others {
			c.WantOpen()
		}
		k.WantOnline("alice@example.com", "bob@example.com")
	})
}

// The registry's crash closes no socket: it goes on with what it knew, and
// finds out by itself what it missed.
func TestFaultCrashedRegistryClosesNoSocket(t *testing.T) {
	for name, example := range map[string]any{
		"Connect": &actors.Connect{}, "Touch": &actors.Touch{}, "Committed": &actors.Committed{},
		"Ask": &actors.Ask{}, "Terminated": &actor.Terminated{},
	} {
		for how, when := range map[actortest.How]string{
			actortest.PanicBefore: "crash before", actortest.PanicAfter: "crash after",
			actortest.Lose: "loss of", actortest.Double: "doubling of",
		} {
			t.Run(fmt.Sprintf("%s %s", when, name), func(t *testing.T) {
				actortest.Run(t, func(k *actortest.Kit) {
					alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
					k.Fault(actors.RoleRegistry, example, how, 1)
					carol := k.ConnectLater("carol@example.com")
					alice.Say(`{}`)
					k.Snapshot()
					bob.Leave()
					k.Settle()
					alice.WantOpen()
					online := []rollcall.Email{"alice@example.com"}
					if why, ended := carol.Ended(); !ended {
						online = append(online, carol.Email)
						carol.WantOpen()
					} else if why != rollcall.CloseTryAgainLater || name != "Connect" && name != "Committed" {
						t.Errorf("carol was refused with %v", why)
					}
					k.WantOnline(online...)
					at := time.Now().UTC()
					alice.Say(`{}`)
					k.Settle()
					if last := k.Snapshot()["alice@example.com"].LastActivity; !last.Equal(at) {
						t.Errorf("alice was active at %v, and the entry says %v", at, last)
					}
				})
			})
		}
	}
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

// The same for the writer, which the library would stop without a word.
func TestFaultWriterThatCrashesElevenTimesEndsTheServer(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Fault(actors.RoleWriter, &actors.Commit{}, actortest.PanicBefore, 1000)
		k.ConnectLater("alice@example.com")
		<-k.Presence.Done()
		if err := k.Presence.Err(); !errors.Is(err, actors.ErrGaveUp) {
			t.Errorf("presence ended with %v, want ErrGaveUp", err)
		}
	})
}
