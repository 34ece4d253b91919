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
	for _, every := range []time.Duration{tickEvery, 3 * tickEvery / 2, calmEvery - time.Millisecond, 5 * tickEvery, roundEvery} {
		t.Run(every.String(), func(t *testing.T) {
			now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
			r := &registry{roster: crowd(1000, now)}
			for _, m := range r.roster.here {
				m.connect.Socket = over{}
			}
			c := &listener{told: make(map[string]int), children: len(r.roster.here) + ownChildren}
			looks := max(1, int(every.Round(tickEvery)/tickEvery))            // at each tick
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

// Or a round would be longer by a quarter.
func TestTickThatIsEarlyLooksAtAsMany(t *testing.T) {
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := &registry{roster: crowd(1000, now), unseen: 1000, looked: now, rounded: now, reconciled: now}
	for _, m := range r.roster.here {
		m.connect.Socket = over{}
	}
	c := &listener{told: make(map[string]int)}
	r.lookAfter(c, now.Add(calmEvery-time.Microsecond))
	if want := 4 * (1000/looksInRound + 1); len(c.told) != want {
		t.Errorf("%d were looked at after all but 400 ms, want %d", len(c.told), want)
	}
}

// When a crowd has ended, each has said so, and the registry has to hear it: to tell all
// of them again would keep it from that.
func TestCrowdThatHasEndedIsNotRemindedAtOnce(t *testing.T) {
	const many = 3 * remindersAtOnce
	now := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	r := &registry{roster: crowd(many, now)}
	for _, m := range r.roster.here {
		m.connect.Socket = over{}
	}
	c := &listener{told: make(map[string]int), children: many + ownChildren}
	for look := range 5 {
		if n := len(c.told); n > look*remindersAtOnce {
			t.Fatalf("%d were reminded in %d looks, want %d at each", n, look, remindersAtOnce)
		}
		now = now.Add(roundEvery) // so late that all are due
		r.lookAfter(c, now)
	}
	if len(c.told) != many {
		t.Errorf("%d of %d were reminded in the end", len(c.told), many)
	}
}

// A registry that is behind has ticks waiting. It does once what all of them are for.
func TestTickThatWaitedHasNothingToDo(t *testing.T) {
	now := time.Now()
	r := &registry{roster: crowd(1, now), ticked: now}
	r.tick(nil, now.Add(-time.Millisecond)) // would ask the context for more
	if !r.flushed.IsZero() {
		t.Error("a tick that was sent before the last one's end did something")
	}
}

// Or those that waited would all have something to do.
func TestTickKnowsWhenItIsDone(t *testing.T) {
	now := time.Now()
	r := &registry{presence: &Presence{}, roster: crowd(1, now), sweepAt: now.Add(time.Hour), calm: true}
	r.roster.here[0].connect.Socket = over{}
	r.tick(&listener{told: make(map[string]int), children: 1 + ownChildren}, now)
	if r.ticked.Before(now) {
		t.Errorf("a tick of %v was done at %v", now, r.ticked)
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
