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
