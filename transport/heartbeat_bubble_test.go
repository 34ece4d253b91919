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
		go all.heartbeat(t.Context(), nil, time.Minute, time.Minute)
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

// turns is a lot that notes how many are seen to while it is muted, and since when it
// is not.
type turns struct {
	lot
	muted bool
	seen  []int
	since time.Time
}

func (l *turns) mute(mute bool) {
	if l.muted = mute; mute {
		l.seen = append(l.seen, 0)
	} else {
		l.since = time.Now()
	}
}

// Pings are sent in turns, and between two the lot is left alone: or those who talk
// would wait until thousands have been asked whether they are there.
func TestAnswersAreReadBetweenTheTurns(t *testing.T) {
	for many, want := range map[int]int{1: 1, pingsAtOnce + 1: 2, 1000: 16, 100_000: mostTurns + 1} {
		synctest.Test(t, func(t *testing.T) {
			l := &turns{}
			inTurns(l, make([]*socket, many), func(*socket) {
				n := len(l.seen)
				if l.seen[n-1]++; !l.muted {
					t.Fatal("answers are read one by one")
				}
				if n > 1 && l.seen[n-1] == 1 && time.Since(l.since) < answerPause {
					t.Fatalf("the lot was left alone for %s", time.Since(l.since))
				}
			})
			all := 0
			for _, n := range l.seen {
				all += n
			}
			if all != many || l.muted || len(l.seen) > want {
				t.Errorf("%d of %d were seen to in %d turns, want %d; then the lot is muted: %t", all, many, len(l.seen), want, l.muted)
			}
		})
	}
}
