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
		if n := ticksIn(k, time.Minute); n > 180 {
			t.Errorf("%d ticks in a minute in which nothing happens, want some 150", n)
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

// ticksIn counts how often the registry looks in some time.
func ticksIn(k *actortest.Kit, some time.Duration) int {
	before := k.Seen(actors.RoleRegistry, actors.TickExample)
	time.Sleep(some)
	synctest.Wait()
	return k.Seen(actors.RoleRegistry, actors.TickExample) - before
}
