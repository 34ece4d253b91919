package actors_test

import (
	"context"
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

// Whoever asks about a list of users needs the answers in its order, those who are
// away and those who are nobody included.
func TestUsersAreFoundInTheOrderAsked(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		time.Sleep(time.Second)
		second := k.Connect("alice@example.com")
		k.Connect("carol@example.com")
		time.Sleep(time.Second)
		second.Say(`{}`)
		synctest.Wait()
		asked := []rollcall.Email{"carol@example.com", "nobody@example.com", "alice@example.com", "bob@example.com", "carol@example.com"}
		states, err := k.Presence.Find(k.Context(), asked)
		if err != nil || len(states) != len(asked) {
			t.Fatalf("%d states, and the error %v", len(states), err)
		}
		for i, s := range states {
			if online := i != 1 && i != 3; s.Email != asked[i] || s.Online != online || !online && len(s.Sessions) > 0 {
				t.Errorf("state %d is %+v", i, s)
			}
		}
		alice := states[2]
		if len(alice.Sessions) != 2 || !alice.Sessions[0].ConnectedAt.Before(alice.Sessions[1].ConnectedAt) {
			t.Fatalf("the sessions are %+v, want two, oldest first", alice.Sessions)
		}
		now := time.Now().UTC()
		if s := alice.Sessions[1]; !s.LastActivity.Equal(now) || s.Address != "192.0.2.1:1" || s.UserAgent != "actortest" {
			t.Errorf("the second session is %+v", s)
		}
		k.WantFound("alice@example.com", "carol@example.com")
	})
}

// A list that is longer than one question is answered to its end and in its order.
func TestLongListsAreAskedInPieces(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com")
		asked := make([]rollcall.Email, 2500)
		for i := range asked {
			asked[i] = rollcall.Email(fmt.Sprintf("nobody%d@example.com", i))
		}
		asked[2400] = "alice@example.com"
		states, err := k.Presence.Find(k.Context(), asked)
		if err != nil || len(states) != len(asked) {
			t.Fatalf("%d states, and the error %v", len(states), err)
		}
		for i, s := range states {
			if s.Email != asked[i] || s.Online != (i == 2400) {
				t.Fatalf("state %d is %+v", i, s)
			}
		}
		if n := k.Seen(actors.RoleRegistry, &actors.Find{}); n != 3 {
			t.Errorf("2500 users were %d questions, want 3", n)
		}
		if took, err := k.Presence.Push(k.Context(), asked, false, []byte("x")); took != 1 || err != nil {
			t.Errorf("%d took the frame, want 1: %v", took, err)
		}
	})
}

// What is pushed reaches every tab of those who are meant once, and nobody else; and
// what a socket refuses does not count.
func TestPushReachesEverySessionOnce(t *testing.T) {
	const frame = `{"type": "push"}`
	actortest.Run(t, func(k *actortest.Kit) {
		alice, second := k.Connect("alice@example.com"), k.Connect("alice@example.com")
		bob, carol := k.Connect("bob@example.com"), k.Connect("carol@example.com")
		push := func(want int, everybody bool, to ...rollcall.Email) {
			t.Helper()
			if took, err := k.Presence.Push(k.Context(), to, everybody, []byte(frame)); took != want || err != nil {
				t.Errorf("%d took the frame, want %d: %v", took, want, err)
			}
		}
		push(3, false, "alice@example.com", "bob@example.com", "dora@example.com", "alice@example.com")
		push(4, true)
		push(0, false)
		carol.Break(rollcall.CloseSlow)
		push(3, true)
		for c, want := range map[*actortest.Client]int{alice: 3, second: 3, bob: 3, carol: 1} {
			if got := len(c.Frames()) - 1; got != want {
				t.Errorf("%s read %d frames, want %d", c.Email, got, want)
			}
		}
		ctx, cancel := context.WithCancel(k.Context())
		cancel()
		if took, err := k.Presence.Push(ctx, nil, true, []byte(frame)); took != 0 || !errors.Is(err, context.Canceled) {
			t.Errorf("for nobody who waits %d took it, and the error is %v", took, err)
		}
	})
}

// A client that is on its way in when its user is disconnected would else be here a
// moment later, and the operator believe that nobody is.
func TestDisconnectRefusesWhoStillWaits(t *testing.T) {
	for _, policy := range []rollcall.Policy{rollcall.PolicyMany, rollcall.PolicyOldest} {
		actortest.Run(t, func(k *actortest.Kit) {
			k.Store.Delay(time.Second)
			flying := k.ConnectLater("alice@example.com")
			synctest.Wait()
			later, bob := k.ConnectLater("alice@example.com"), k.ConnectLater("bob@example.com")
			synctest.Wait()
			if n, err := k.Presence.Disconnect(k.Context(), "alice@example.com", rollcall.CloseDisconnected); n != 2 || err != nil {
				t.Errorf("%d connects were ended, want 2: %v", n, err)
			}
			k.Store.Delay(0)
			k.Settle()
			flying.WantEnd(rollcall.CloseDisconnected)
			later.WantEnd(rollcall.CloseDisconnected)
			bob.WantOpen()
			k.WantOnline("bob@example.com")
			k.WantAgreement()
		}, func(c *actors.Config) { c.Policy = policy })
	}
}

// An operator ends a user, or one tab of it, and everybody else stays; the word in
// the history is the operator's.
func TestDisconnectEndsWhoIsMeant(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice, second, bob := k.Connect("alice@example.com"), k.Connect("alice@example.com"), k.Connect("bob@example.com")
		w := k.Watch()
		states, err := k.Presence.Find(k.Context(), []rollcall.Email{"alice@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		why := rollcall.Close{Code: rollcall.CloseDisconnected.Code, Reason: "Maintenance"}
		first := states[0].Sessions[0].ID
		for _, want := range []bool{true, false} {
			if here, err := k.Presence.DisconnectSession(k.Context(), first, why); here != want || err != nil {
				t.Errorf("there is such a session: %v, want %v: %v", here, want, err)
			}
			synctest.Wait()
		}
		alice.WantEnd(why)
		second.WantOpen()
		for _, want := range []int{1, 0} {
			if n, err := k.Presence.Disconnect(k.Context(), "alice@example.com", rollcall.CloseDisconnected); n != want || err != nil {
				t.Errorf("%d sessions were ended, want %d: %v", n, want, err)
			}
			synctest.Wait()
		}
		second.WantEnd(rollcall.CloseDisconnected)
		bob.WantOpen()
		k.Settle()
		k.WantOnline("bob@example.com")
		w.WantAgreement()
		if len(w.Events) != 1 || w.Events[0].Cause != "kicked" {
			t.Errorf("the events are %v, want one leave of a kicked user", w.Events)
		}
		for _, b := range k.Store.Commits() {
			for _, d := range b.Deletes {
				if d.Reason != "kicked" {
					t.Errorf("a session ended with the reason %q", d.Reason)
				}
			}
		}
	})
}

// What an operator has ordered is done, although the order is lost on its way.
func TestFaultLostEndOfAKickIsRepeated(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		alice := k.Connect("alice@example.com")
		k.Fault(actors.RoleSession, &actors.End{}, actortest.Lose, 1)
		if n, err := k.Presence.Disconnect(k.Context(), "alice@example.com", rollcall.CloseDisconnected); n != 1 || err != nil {
			t.Errorf("%d sessions were ended, want 1: %v", n, err)
		}
		k.Settle()
		alice.WantEnd(rollcall.CloseDisconnected)
		k.WantOnline()
	})
}

// A client takes its first frame for the greeting: whoever is admitted and not yet
// greeted is not reached by a push.
func TestNothingIsPushedBeforeTheGreeting(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Settle()
		k.Fault(actors.RoleSession, &actor.Started{}, actortest.Block, 1)
		alice := k.ConnectLater("alice@example.com")
		synctest.Wait()
		took, err := k.Presence.Push(k.Context(), []rollcall.Email{"alice@example.com"}, false, []byte(`"early"`))
		if err != nil || took != 0 {
			t.Errorf("%d sessions took what came before their greeting, %v", took, err)
		}
		time.Sleep(actortest.BlockTime)
		synctest.Wait()
		if took, err := k.Presence.Push(k.Context(), []rollcall.Email{"alice@example.com"}, false, []byte(`"late"`)); err != nil || took != 1 {
			t.Errorf("%d sessions took a push behind their greeting, %v", took, err)
		}
		if frames := alice.Frames(); len(frames) != 2 || frames[1] != `"late"` {
			t.Errorf("the client read %q", frames)
		}
	})
}
