package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall/actors/actortest"
)

// A node that was swept while its database was away has nothing to write until
// it hears of it, which it does in a renewal. That must come soon after the
// database is back, and not when the next one would have been due.
func TestFaultFailedRenewalIsTriedAgainSoon(t *testing.T) {
	for wait := actortest.Lease; wait < 2*actortest.Lease; wait += 1700 * time.Millisecond {
		actortest.Run(t, func(k *actortest.Kit) {
			k.Connect("alice@example.com").WantOpen()
			k.Store.Trouble(actortest.Always(actortest.FailBefore))
			time.Sleep(wait)
			k.Store.SweptByAnother()
			k.Store.Trouble(nil)
			time.Sleep(time.Second)
			synctest.Wait()
			k.WantOnline("alice@example.com")
		})
	}
}

// A hand in the database must not take users offline for as long as they stay:
// the next renewal sees that rows are missing. So it is on a busy server, whose
// lease every commit renews.
func TestSessionsThatWereDeletedByHandAreWrittenAgain(t *testing.T) {
	for name, pause := range map[string]time.Duration{"quiet": time.Hour, "busy": 100 * time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			log := &journal{}
			actortest.Run(t, func(k *actortest.Kit) {
				alice := k.Connect("alice@example.com")
				k.Connect("bob@example.com")
				k.Connect("bob@example.com")
				k.Settle()
				k.Store.DeletedByHand("bob@example.com")
				deleted := time.Now()
				for time.Since(deleted)+pause < actortest.Lease/3+look {
					alice.Say(`{}`)
					time.Sleep(pause)
				}
				time.Sleep(time.Until(deleted.Add(actortest.Lease/3 + look)))
				synctest.Wait()
				if n := k.Store.SessionCount(); n != 3 {
					t.Errorf("%d sessions are stored a renewal after two were deleted, want 3", n)
				}
				k.Settle()
				k.WantOnline("alice@example.com", "bob@example.com")
				if n := log.count("level=INFO", "rows were removed by others", "sessions=3"); n != 1 || log.count("removed by others") != 1 {
					t.Errorf("that 3 sessions are written again was told %d times, want once", n)
				}
			}, journaled(log))
		})
	}
}

// Whoever reads the log must find why the rows of a node came anew.
func TestSweptNodeSaysHowManySessionsItWritesAgain(t *testing.T) {
	log := &journal{}
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		k.Connect("bob@example.com")
		k.Store.SweptByAnother()
		k.Settle()
		k.WantOnline("alice@example.com", "bob@example.com")
		if n := log.count("level=INFO", "rows were removed by others", "sessions=2"); n != 1 {
			t.Errorf("that 2 sessions are written again was told %d times, want once", n)
		}
	}, journaled(log))
}
