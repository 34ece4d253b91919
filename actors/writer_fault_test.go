package actors_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// A writer that crashes is nobody's business but the registry's: whatever it
// had in hand is settled by writing it again, and whether the database has it is
// not known when the crash came from within the commit.
func TestFaultCrashedWriterLosesNothing(t *testing.T) {
	for when, crash := range map[string]func(*actortest.Kit){
		"before the commit":      func(k *actortest.Kit) { k.Fault(actors.RoleWriter, &actors.Commit{}, actortest.PanicBefore, 3) },
		"during it, not applied": func(k *actortest.Kit) { k.Store.Trouble(once(actortest.CrashBefore)) },
		"during it, applied":     func(k *actortest.Kit) { k.Store.Trouble(once(actortest.CrashAfter)) },
		"after the commit":       func(k *actortest.Kit) { k.Fault(actors.RoleWriter, &actors.Commit{}, actortest.PanicAfter, 3) },
	} {
		t.Run(when, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				bob, carol := k.Connect("bob@example.com"), k.Connect("carol@example.com")
				crash(k)
				alice := k.ConnectLater("alice@example.com")
				bob.Leave()
				time.Sleep(promised)
				synctest.Wait()
				alice.WantOpen()
				carol.WantOpen()
				k.WantOnline("alice@example.com", "carol@example.com")
				k.WantAgreement()
			})
		})
	}
}

// A writer that is stuck holds up whoever comes, until their deadline, and nobody
// who is in; no more piles up than one batch in the time that it may take, and it
// recovers by itself.
func TestFaultStuckWriterRecovers(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
		k.Settle()
		commits := k.Seen(actors.RoleWriter, &actors.Commit{})
		k.Fault(actors.RoleWriter, &actors.Commit{}, actortest.Block, 1)
		stuck := time.Now()
		bob.Leave()
		alice.Say(`{}`)
		var late []*actortest.Client
		for time.Since(stuck) < actortest.BlockTime-actortest.ConnectTimeout {
			for range 100 {
				late = append(late, k.ConnectLater("carol@example.com"))
			}
			time.Sleep(time.Second)
			if n := len(k.Snapshot()); n != 1 {
				t.Errorf("%d users are listed, want alice alone", n)
			}
		}
		time.Sleep(time.Until(stuck.Add(actortest.BlockTime)))
		synctest.Wait()
		for _, c := range late {
			c.WantLate()
		}
		time.Sleep(promised)
		synctest.Wait()
		if n := k.Seen(actors.RoleWriter, &actors.Commit{}) - commits; n > 15 {
			t.Errorf("%d batches have piled up in half a minute", n)
		}
		alice.WantOpen()
		k.WantOnline("alice@example.com")
		k.WantAgreement()
		k.Connect("carol@example.com").WantOpen()
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
