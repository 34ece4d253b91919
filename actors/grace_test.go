package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

const (
	graceTime = 5 * time.Second
	// tickTime is how late the end of a grace may be seen.
	tickTime = 100 * time.Millisecond
)

// graced gives users a grace.
func graced(c *actors.Config) { c.Grace = graceTime }

// wantAway checks that alice has no socket, and is listed and in the database as if
// she had, since then.
func wantAway(k *actortest.Kit, since time.Time) {
	k.Helper()
	synctest.Wait()
	entry, listed := k.Snapshot()["alice@example.com"]
	if row := k.Store.Rows()["alice@example.com"]; !listed || entry != row || !entry.ConnectedAt.Equal(since) {
		k.Errorf("the entry is %+v, and the row %+v; want both since %v", entry, row, since)
	}
	if n := k.Store.SessionCount(); n != 1 {
		k.Errorf("%d sessions are stored, want the last one", n)
	}
	k.WantFound("alice@example.com")
}

// wantGone checks that alice is nowhere, and was told to have left then.
func wantGone(k *actortest.Kit, w *actortest.Watcher, at time.Time, cause string) {
	k.Helper()
	synctest.Wait()
	k.WantOnline()
	if n := k.Store.SessionCount(); n != 0 {
		k.Errorf("%d sessions are stored, want none", n)
	}
	w.Read()
	if n := len(w.Events); n == 0 {
		k.Error("the watcher was told nothing")
	} else if e := w.Events[n-1]; e.Kind != rollcall.EventLeave || !e.At.Equal(at) || e.Cause != cause {
		k.Errorf("the last event is %+v; want a leave at %v: %s", e, at, cause)
	}
}

// A page that is loaded again must not look like somebody who left and came: nobody
// is told anything, and the user is here since the first page.
func TestUserWhoComesBackWithinTheGraceNeverLeft(t *testing.T) {
	for _, policy := range []rollcall.Policy{rollcall.PolicyMany, rollcall.PolicyNewest, rollcall.PolicyOldest} {
		t.Run(string(policy), func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				since := time.Now()
				w := k.Watch()
				for range 5 {
					alice := k.Connect("alice@example.com")
					alice.WantOpen()
					k.Settle()
					alice.Close(rollcall.CloseTimeout)
					wantAway(k, since)
					time.Sleep(graceTime - time.Millisecond)
				}
				alice := k.Connect("alice@example.com")
				k.Settle()
				alice.WantOpen()
				k.WantAgreement()
				w.WantAgreement()
				for i, e := range w.Events {
					if i == 0 && e.Kind == rollcall.EventJoin {
						continue
					}
					if e.Kind != rollcall.EventActivity || !e.Entry.ConnectedAt.Equal(since) {
						t.Errorf("an event is %+v", e)
					}
				}
			}, actortest.Policy(policy), graced)
		})
	}
}

// Who does not come back has left when the last session ended, and not when nobody
// waited any more: the duration is that of the presence.
func TestUserWhoDoesNotComeBackLeftWithTheLastSession(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		since := time.Now()
		w := k.Watch()
		alice, second := k.Connect("alice@example.com"), k.Connect("alice@example.com")
		alice.Leave()
		k.Settle()
		k.WantAgreement() // one tab is open: there is no grace for the other
		second.Say(`{}`)  // the row must hear of it all the same
		synctest.Wait()
		second.Close(rollcall.CloseSlow)
		left := time.Now()
		time.Sleep(graceTime - time.Millisecond)
		wantAway(k, since)
		time.Sleep(tickTime + time.Millisecond)
		wantGone(k, w, left, "slow")
		for _, b := range k.Store.Commits() {
			for _, d := range b.Deletes {
				if d.EndedAt.After(left) {
					t.Errorf("a session ended at %v, %v after its client", d.EndedAt, d.EndedAt.Sub(left))
				}
			}
		}
	}, graced)
}

// Nobody may come back after these, and so nobody is waited for.
func TestGraceEndsAtOnce(t *testing.T) {
	kick := func(k *actortest.Kit, _ *actortest.Client) {
		if _, err := k.Presence.Disconnect(k.Context(), "alice@example.com", rollcall.CloseDisconnected); err != nil {
			k.Error(err)
		}
	}
	drain := func(k *actortest.Kit, _ *actortest.Client) {
		if err := k.Presence.Drain(k.Context(), rollcall.CloseGoingAway); err != nil {
			k.Error(err)
		}
	}
	leave := func(_ *actortest.Kit, alice *actortest.Client) { alice.Leave() }
	for name, c := range map[string]struct {
		steps []func(*actortest.Kit, *actortest.Client)
		cause string
	}{
		"for who is kicked":            {[]func(*actortest.Kit, *actortest.Client){kick}, "kicked"},
		"for who is kicked while away": {[]func(*actortest.Kit, *actortest.Client){leave, kick}, "closed"},
		"for who closes while kicked":  {[]func(*actortest.Kit, *actortest.Client){kick, leave}, "kicked"},
		"in a drain":                   {[]func(*actortest.Kit, *actortest.Client){drain}, "shutdown"},
		"when a drain finds them away": {[]func(*actortest.Kit, *actortest.Client){leave, drain}, "closed"},
	} {
		t.Run(name, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				w := k.Watch()
				alice := k.Connect("alice@example.com")
				time.Sleep(time.Second)
				for _, step := range c.steps {
					step(k, alice)
					synctest.Wait()
				}
				wantGone(k, w, time.Now(), c.cause)
			}, graced)
		})
	}
}

// A node that was taken for dead has told the others that its users left. Of those
// who are away it must not say anything else.
func TestFaultNodeThatWasTakenForDeadWaitsForNobody(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		w := k.Watch()
		alice, bob := k.Connect("alice@example.com"), k.Connect("bob@example.com")
		alice.Leave()
		left := time.Now()
		synctest.Wait()
		k.Store.SweptByAnother()
		time.Sleep(time.Millisecond)
		bob.Say(`{}`) // whose commit tells
		time.Sleep(time.Second)
		synctest.Wait()
		bob.WantOpen()
		k.WantAgreement()
		w.Read()
		if n := len(w.Events); n == 0 || w.Events[n-1].Kind == rollcall.EventJoin {
			t.Errorf("the events are %v", w.Events)
		}
		found := false
		for _, e := range w.Events {
			found = found || e.Kind == rollcall.EventLeave && e.Entry.Email == "alice@example.com" && e.At.Equal(left)
		}
		if !found {
			t.Errorf("there is no leave of alice among %v", w.Events)
		}
	}, graced)
}

// Who comes back in time must not be gone because the database was late: a commit may
// take as long as a connect may wait.
func TestReturnIsInTimeThoughItsCommitIsLate(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		since := time.Now()
		alice := k.Connect("alice@example.com")
		w := k.Watch()
		alice.Leave()
		time.Sleep(graceTime - time.Millisecond)
		k.Store.Delay(3 * time.Second)
		again := k.ConnectLater("alice@example.com")
		time.Sleep(2 * time.Second)
		if e := k.Snapshot()["alice@example.com"]; !e.ConnectedAt.Equal(since) {
			t.Errorf("while her connect waits the entry is %+v", e)
		}
		time.Sleep(2 * time.Second)
		k.Store.Delay(0)
		k.Settle()
		again.WantOpen()
		k.WantAgreement()
		w.WantAgreement()
		for _, e := range w.Events {
			if e.Kind != rollcall.EventActivity {
				t.Errorf("an event is %+v", e)
			}
		}
	}, graced)
}

// The registry that crashes knows who is away, and until when.
func TestFaultCrashesDoNotChangeTheGrace(t *testing.T) {
	for how, when := range map[actortest.How]string{actortest.PanicBefore: "before", actortest.PanicAfter: "after"} {
		t.Run(when, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				since := time.Now()
				w := k.Watch()
				alice := k.Connect("alice@example.com")
				alice.Leave()
				left := time.Now()
				synctest.Wait()
				for range 4 {
					time.Sleep(time.Second)
					k.Fault(actors.RoleRegistry, actors.TickExample, how, 1)
				}
				wantAway(k, since)
				time.Sleep(time.Second + 2*tickTime) // one tick is lost
				wantGone(k, w, left, "closed")
			}, graced)
		})
	}
}
