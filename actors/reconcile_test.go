package actors

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// On a busy machine ticks are late, and a round of looks takes longer. It must come
// to its end all the same: whoever is looked at last in it has ended too, and would
// be a ghost.
func TestRoundOfLooksSeesEverybodyHoweverLateTicksAre(t *testing.T) {
	const rounds = 20
	for _, every := range []time.Duration{tickEvery, 3 * tickEvery / 2, calmEvery, 5 * tickEvery, roundEvery} {
		t.Run(every.String(), func(t *testing.T) {
			now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
			r := &registry{roster: crowd(1000, now)}
			for _, m := range r.roster.here {
				m.connect.Socket = over{}
			}
			c := &listener{told: make(map[string]int), children: len(r.roster.here) + ownChildren}
			looks := max(1, int(every/tickEvery))                             // at each tick
			ticks := max((looksInRound+looks-1)/looks, int(roundEvery/every)) // of a round
			for range rounds * ticks {
				now = now.Add(every)
				r.lookAfter(c, now)
			}
			if len(c.told) != len(r.roster.here) {
				t.Errorf("%d of %d were looked at in %d rounds", len(c.told), len(r.roster.here), rounds)
			}
			for _, n := range c.told {
				if n > rounds+1 || n < rounds*3/4 {
					t.Fatalf("one was looked at %d times in %d rounds", n, rounds)
				}
			}
		})
	}
}

// listener is a registry's context that counts what each session is told.
type listener struct {
	actor.Context
	told     map[string]int
	children int
}

func (c *listener) Self() *actor.PID          { return actor.NewPID("address", registryName) }
func (c *listener) Send(to *actor.PID, _ any) { c.told[to.Id]++ }
func (c *listener) Children() []*actor.PID    { return make([]*actor.PID, c.children) }

// over is a socket that has ended.
type over struct{}

func (over) Send([]byte) bool              { return false }
func (over) Close(rollcall.Close)          {}
func (over) Ended() (rollcall.Close, bool) { return rollcall.CloseNormal, true }
