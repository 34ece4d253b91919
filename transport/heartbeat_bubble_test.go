package transport

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"
)

// Thousands who have gone must be gone from memory too, although the clock goes on with
// the list of those that it looked at.
func TestHeartbeatHoldsNobodyWhoHasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newSockets(1, 0)
		go all.heartbeat(t.Context(), time.Minute, time.Minute)
		all.reserve("")
		one := &socket{}
		one.heard.Store(instant())
		all.add(one)
		time.Sleep(2 * time.Second) // the clock looks every second
		synctest.Wait()
		all.remove(one)
		held := weak.Make(one)
		runtime.GC()
		if held.Value() != nil {
			t.Error("a socket that has gone is held")
		}
	})
}
