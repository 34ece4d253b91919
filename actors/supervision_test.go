package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A server runs for months, and an actor that crashes every few seconds is borne
// so long: its crashes must not pile up in memory, and what is counted must not be
// lost over that, or the eleventh in ten seconds would pass.
func TestCrashesAreForgottenWhenTheyAreOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stats := actor.NewRestartStatistics()
		for range 2*crashLimit + 1 {
			time.Sleep(2 * time.Second)
			if tooOften(stats) {
				t.Fatal("a crash in two seconds is too often")
			}
		}
		if n := stats.FailureCount(); n > crashLimit {
			t.Errorf("%d crashes are kept, of which five are not old", n)
		}
		further := 1
		for !tooOften(stats) {
			further++
		}
		if further > crashLimit/2+2 {
			t.Errorf("it took %d crashes more to be too often, with five in the last ten seconds", further)
		}
	})
}
