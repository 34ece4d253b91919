package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

const (
	// tickEvery is how often the registry looks at what is due, and calmEvery how often
	// if nothing is to come: each look wakes threads that sleep.
	tickEvery = 100 * time.Millisecond
	calmEvery = 400 * time.Millisecond
	// mostCalm is how many may be here for that: a look at a part of them is longer if
	// it is seldom, and somebody waits for its end.
	mostCalm = 100_000
)

// ticks is the registry's clock. It is not the registry's own timer, since a
// crash would lose that with the message that sets it again.
func (p *Presence) ticks() {
	defer p.clock.Stop()
	for {
		select {
		case <-p.clock.C:
			p.system.Root.Send(p.registry, &tick{time.Now()})
		case <-p.done:
			return
		}
	}
}

// tick does what is due. One that was sent before the last had done so has nothing to
// do: a registry that is behind would else do little but that.
func (r *registry) tick(c actor.Context, sent time.Time) {
	if sent.Before(r.ticked) {
		return
	}
	defer func() { r.ticked = time.Now() }()
	now := time.Now()
	r.carryOut(c, r.roster.expire(now))
	if now.Sub(r.flushed) >= flushEvery {
		r.flushed = now
		r.feel()
		r.roster.flush()
	}
	if now.Sub(r.toldActivity) >= activityEvery {
		r.toldActivity = now
		if r.roster.order.feed.wanted { // else what the flush feels is enough
			r.feel()
		}
		r.roster.order.tellActivity()
	}
	r.roster.order.feed.age(now)
	r.sweep(c, now)
	if r.roster.flight != nil && now.Sub(r.committing) >= answerTimeout {
		r.commitFailed(c, &CommitFailed{Number: r.roster.number, Err: errNoAnswer})
	}
	r.lookAfter(c, now)
	r.settle()
	if !r.calm && r.inStep(now) && r.quiet(now) {
		r.calm = true
		r.presence.clock.Reset(calmEvery)
	}
}

// inStep reports whether one of the slow ticks that would begin now is in time for the
// next flush. They would be late for it by as much as half a second else.
func (r *registry) inStep(now time.Time) bool {
	return now.Sub(r.flushed).Round(tickEvery)%calmEvery == 0
}

// hasten has the clock tick as usual again, once there is something to come.
func (r *registry) hasten() {
	if r.calm && !r.quiet(time.Now()) {
		r.calm = false
		r.presence.clock.Reset(tickEvery)
	}
}

// quiet reports whether no tick will find anything to do for a while, but what
// sessions have done, and a look at those who are here.
func (r *registry) quiet(now time.Time) bool {
	return r.roster.quiet() && r.closing == nil && r.failures == 0 &&
		len(r.roster.here) <= mostCalm && r.sweepAt.Sub(now) > calmEvery
}

// quiet reports whether nobody and nothing waits: for an answer, for the end of a
// grace, for the database, or for watchers to be told.
func (r *roster) quiet() bool {
	return len(r.waiting) == 0 && len(r.graces) == 0 &&
		len(r.queue) == 0 && len(r.due) == 0 && r.flight == nil && r.order.feed.quiet()
}
