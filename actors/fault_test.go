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
// finds out by itself what it missed. So it does when messages are lost, come
// twice, late or in another order.
func TestFaultCrashedRegistryClosesNoSocket(t *testing.T) {
	for name, example := range map[string]any{
		"Connect": &actors.Connect{}, "Touch": &actors.Touch{}, "Committed": &actors.Committed{},
		"CommitFailed": &actors.CommitFailed{}, "Ask": &actors.Ask{}, "Examine": &actors.Examine{}, "Terminated": &actor.Terminated{},
		"tick": actors.TickExample, "resumed": actors.ResumedExample,
	} {
		for how, when := range map[actortest.How]string{
			actortest.PanicBefore: "crash before", actortest.PanicAfter: "crash after",
			actortest.Lose: "loss of", actortest.Double: "doubling of", actortest.Late: "delay of",
		} {
			t.Run(fmt.Sprintf("%s %s", when, name), func(t *testing.T) {
				actortest.Run(t, func(k *actortest.Kit) { crashRegistry(k, example, how) })
			})
		}
	}
}

// crashRegistry lets one message to the registry go wrong while somebody comes,
// somebody talks and somebody goes.
func crashRegistry(k *actortest.Kit, example any, how actortest.How) {
	k.Helper()
	alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
	if example == actors.ResumedExample { // is only sent after a crash
		k.Fault(actors.RoleRegistry, &actors.Touch{}, actortest.PanicAfter, 1)
	}
	if _, ok := example.(*actors.CommitFailed); ok {
		failures := 0
		k.Store.Trouble(func(rollcall.Batch) actortest.Trouble {
			if failures++; failures < 3 {
				return actortest.FailAfter
			}
			return actortest.None
		})
	}
	k.Fault(actors.RoleRegistry, example, how, 1)
	carol := k.ConnectLater("carol@example.com")
	alice.Say(`{}`)
	k.Snapshot()
	k.Examine()
	bob.Leave()
	k.Settle()
	if k.Seen(actors.RoleRegistry, example) == 0 {
		k.Errorf("no %T was sent, and so none went wrong", example)
	}
	alice.WantOpen()
	online := []rollcall.Email{"alice@example.com"}
	if why, ended := carol.Ended(); !ended {
		online = append(online, carol.Email)
		carol.WantOpen()
	} else if why != rollcall.CloseTryAgainLater {
		k.Errorf("carol was refused with %v", why)
	}
	k.WantOnline(online...)
	at := time.Now().UTC()
	alice.Say(`{}`)
	k.Settle()
	if last := k.Snapshot()["alice@example.com"].LastActivity; !last.Equal(at) {
		k.Errorf("alice was active at %v, and the entry says %v", at, last)
	}
	k.Connect("bob@example.com").WantOpen()
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

// A sweep that hangs, because a table is locked, must hold up nobody.
func TestFaultStuckSweeperHoldsUpNobody(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Fault(actors.RoleSweeper, &actors.Sweep{}, actortest.Block, 1)
		k.Settle()
		for range 5 {
			k.Connect("alice@example.com").WantOpen()
			time.Sleep(actortest.Lease / 3)
		}
		k.WantOnline("alice@example.com")
		if n := k.Seen(actors.RoleSweeper, &actors.Sweep{}); n > 4 {
			t.Errorf("%d sweeps piled up", n)
		}
	})
}

// A delete that the database will never accept must not hold up the others.
func TestFaultRejectedDeleteHoldsUpNobody(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Store.Trouble(func(b rollcall.Batch) actortest.Trouble {
			if len(b.Deletes) > 0 {
				return actortest.Reject
			}
			return actortest.None
		})
		alice.Leave()
		k.Settle()
		k.Connect("bob@example.com").WantOpen()
		k.Connect("carol@example.com").WantOpen()
		k.Store.Trouble(nil)
		k.Settle()
		k.WantOnline("bob@example.com", "carol@example.com")
	})
}

// A user who reloads the page comes before the old session has left, and stays.
// Whatever the order, the row and the entry tell the same story.
func TestReloadedPageHasTheRowOfItsEntry(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		time.Sleep(time.Minute)
		k.Store.Trouble(actortest.Always(actortest.FailBefore)) // so that both are in one commit
		again := k.ConnectLater("alice@example.com")
		synctest.Wait()
		alice.Leave()
		time.Sleep(time.Second)
		k.Store.Trouble(nil)
		k.Settle()
		again.WantOpen()
		k.WantOnline("alice@example.com")
	})
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

// In the middle of a storm of connects each of them still gets its answer:
// admitted and listed, or told to come again.
func TestFaultRegistryCrashesInTheMiddleOfAThousandConnects(t *testing.T) {
	for name, example := range map[string]any{"Connect": &actors.Connect{}, "Committed": &actors.Committed{}} {
		for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
			t.Run(when+" "+name, func(t *testing.T) {
				actortest.Run(t, func(k *actortest.Kit) {
					emails := []rollcall.Email{"alice@example.com", "bob@example.com", "carol@example.com"}
					var all []*actortest.Client
					for i := range 1000 {
						all = append(all, k.ConnectLater(emails[i%3]))
						if i%300 == 150 {
							k.Fault(actors.RoleRegistry, example, how, 1)
						}
					}
					k.Settle()
					open := 0
					for _, c := range all {
						if why, ended := c.Ended(); !ended {
							c.WantOpen()
							open++
						} else if why != rollcall.CloseTryAgainLater {
							t.Errorf("a connect was refused with %v", why)
						}
					}
					if open < 990 || open != k.Store.SessionCount() {
						t.Errorf("%d of 1000 are open, and %d sessions are stored", open, k.Store.SessionCount())
					}
					k.WantOnline(emails...)
				})
			})
		}
	}
}

// A registry that is stuck holds up whoever comes, until their deadline, and
// nobody who is in; nothing piles up, and it recovers by itself.
func TestFaultStuckRegistryRecovers(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		touches := k.Seen(actors.RoleRegistry, &actors.Touch{})
		k.Fault(actors.RoleRegistry, actors.TickExample, actortest.Block, 1)
		time.Sleep(time.Second)
		late := k.Connect("bob@example.com")
		late.WantEnd(rollcall.CloseTryAgainLater)
		for range 1000 {
			alice.Say(`{"message": "still here"}`)
		}
		synctest.Wait()
		if n := len(alice.Frames()); n != 1001 {
			t.Errorf("alice has read %d frames, want her greeting and 1000 replies", n)
		}
		time.Sleep(actortest.BlockTime)
		k.Settle()
		if n := k.Seen(actors.RoleRegistry, &actors.Touch{}) - touches; n != 1 {
			t.Errorf("%d touches piled up, want 1", n)
		}
		k.WantOnline("alice@example.com")
		k.Connect("bob@example.com").WantOpen()
	})
}

// The same for the writer.
func TestFaultStuckWriterRecovers(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
		k.Fault(actors.RoleWriter, &actors.Commit{}, actortest.Block, 1)
		late := k.Connect("carol@example.com")
		late.WantEnd(rollcall.CloseTryAgainLater)
		bob.Leave()
		alice.Say(`{}`)
		synctest.Wait()
		if n := len(k.Snapshot()); n != 1 {
			t.Errorf("%d users are listed, want alice alone", n)
		}
		time.Sleep(actortest.BlockTime)
		k.Settle()
		alice.WantOpen()
		k.WantOnline("alice@example.com")
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
