package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
)

// A server that holds idle sockets wakes threads for each look at what is due, and
// should look seldom.
func TestCalmRegistryTicksSeldom(t *testing.T) {
	actortest.Run(t, func(k *actortest.Kit) {
		k.Connect("alice@example.com").WantOpen()
		k.Settle()
		if n := ticksIn(k, time.Minute); n > 200 {
			t.Errorf("%d ticks in a minute in which nothing happens, want some 190", n)
		}
	})
}

// What is to come must not wait for a clock that was slow before it.
func TestWhatIsToComeHastensTheClock(t *testing.T) {
	for what, come := range map[string]func(*actortest.Kit){
		"a connect that waits": func(k *actortest.Kit) {
			k.Store.Trouble(actortest.Always(actortest.Hang))
			k.ConnectLater("bob@example.com")
		},
		"a grace":              func(k *actortest.Kit) { k.Connect("bob@example.com").Leave() },
		"somebody who watches": func(k *actortest.Kit) { k.Watch() },
		"a commit that takes long": func(k *actortest.Kit) {
			k.Store.Delay(5 * time.Second)
			k.Connect("alice@example.com").Leave()
			synctest.Wait()
		},
		"a commit that has failed": func(k *actortest.Kit) {
			k.Store.Trouble(actortest.Always(actortest.FailBefore))
			k.ConnectFor(time.Millisecond, "bob@example.com")
			time.Sleep(time.Second)
		},
	} {
		t.Run(what, func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				k.Connect("alice@example.com").WantOpen()
				k.Settle()
				come(k)
				synctest.Wait()
				if n := ticksIn(k, 2*time.Second); n < 20 {
					t.Errorf("%d ticks in two seconds, want 20", n)
				}
			}, graced)
		})
	}
}

// A slow clock must not make activity late.
func TestMessageIsInTheDatabaseWithinASecond(t *testing.T) {
	for _, commit := range []time.Duration{0, 5 * time.Millisecond, 250 * time.Millisecond} {
		t.Run(commit.String(), func(t *testing.T) {
			actortest.Run(t, func(k *actortest.Kit) {
				alice := k.Connect("alice@example.com")
				k.Settle()
				k.Store.Delay(commit)
				for n := range 100 {
					alice.Say(`{"message": "hi"}`) // whose commit hastens the clock, which is slow again after it
					time.Sleep(time.Duration(n) * 13 * time.Millisecond)
					alice.Say(`{"message": "hi"}`)
					said := time.Now()
					time.Sleep(time.Second)
					synctest.Wait()
					if row := k.Store.Rows()["alice@example.com"]; row.LastActivity.Before(said.Truncate(time.Microsecond)) {
						t.Fatalf("a second after it was said, at %v, the row is of %v", said, row.LastActivity)
					}
				}
			})
		})
	}
}

// ticksIn counts how often the registry looks in some time.
func ticksIn(k *actortest.Kit, some time.Duration) int {
	before := k.Seen(actors.RoleRegistry, actors.TickExample)
	time.Sleep(some)
	synctest.Wait()
	return k.Seen(actors.RoleRegistry, actors.TickExample) - before
}
