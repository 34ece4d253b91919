package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors/actortest"
)

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

// Both sessions of a page that is reloaded may be in one commit. The row and the entry
// tell the same story: an old page that went first has left, and the new one is there
// since it came; one that went second has not.
func TestReloadedPageHasTheRowOfItsEntry(t *testing.T) {
	for first, leaves := range map[string]bool{"the old one goes": true, "the new one comes": false} {
		t.Run(first, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				alice := k.Connect("alice@example.com")
				since := k.Snapshot()["alice@example.com"].ConnectedAt
				time.Sleep(time.Minute)
				k.Store.Trouble(actortest.Always(actortest.FailBefore)) // so that both are in one commit
				if leaves {
					alice.Leave()
					synctest.Wait()
					since = time.Now()
				}
				again := k.ConnectLater("alice@example.com")
				synctest.Wait()
				if !leaves {
					alice.Leave()
				}
				time.Sleep(time.Second)
				k.Store.Trouble(nil)
				k.Settle()
				again.WantOpen()
				k.WantOnline("alice@example.com")
				if got := k.Snapshot()["alice@example.com"].ConnectedAt; !got.Equal(since) {
					t.Errorf("alice is here since %v, want %v", got, since)
				}
			})
		})
	}
}

// Activity whose commit failed is written with the next, also when there is none
// after it.
func TestFaultFailedTouchIsWrittenAgain(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Settle()
		failed := false
		k.Store.Trouble(func(b rollcall.Batch) actortest.Trouble {
			if len(b.Touches) == 0 || failed {
				return actortest.None
			}
			failed = true
			return actortest.FailBefore
		})
		alice.Say(`{}`)
		time.Sleep(2 * promised)
		synctest.Wait()
		if !failed {
			t.Error("no touch has failed")
		}
		k.WantOnline("alice@example.com") // with the activity in the row
	})
}

// A session that is here, was swept, and whose row the database does not take any
// more would be in no list: its client must come again.
func TestFaultSessionThatCannotBeWrittenAgainEnds(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
		k.Store.Trouble(func(b rollcall.Batch) actortest.Trouble {
			for _, c := range b.Inserts {
				if c.Email == alice.Email {
					return actortest.Reject
				}
			}
			return actortest.None
		})
		k.Store.SweptByAnother()
		k.Settle()
		alice.WantEnd(rollcall.CloseInternalError)
		bob.WantOpen()
		k.WantOnline("bob@example.com")
	})
}

// A rejection makes the batches small, to find whom it is about. They must grow
// again, or every storm of connects from then on would time out.
func TestBatchesGrowAgainAfterARejection(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Store.Trouble(once(actortest.Reject))
		k.Connect("carol@example.com").WantEnd(rollcall.CloseInternalError)
		k.Store.Delay(50 * time.Millisecond)
		var storm []*actortest.Client
		for range 200 {
			storm = append(storm, k.ConnectLater("alice@example.com"))
		}
		time.Sleep(promised)
		synctest.Wait()
		for _, c := range storm {
			c.WantOpen()
		}
	})
}
