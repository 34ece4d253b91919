package actors

import (
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// resumed settles by level what a crash left open: the batch in flight, the sweep,
// the members without a session, and whoever was waiting.
func (r *registry) resumed(c actor.Context) {
	r.sweepAt = time.Time{} // the crash may have swallowed the word that one is over
	r.carryOut(c, r.roster.failed(r.roster.number, errCrashed, time.Now()))
	r.reconcile(c)
}

// remindersAtOnce bounds how many are told again at a tick: if there are more, they have
// ended in a crowd, and what they said themselves is on its way. The others have their
// turn with the next tick.
const remindersAtOnce = 1000

// ownChildren are those children that are no sessions: the writer and the sweeper.
const ownChildren = 2

// lookAfter sees at each tick to a part of those who are here, so that nobody waits
// for a look at all of them. It goes from the last to the first: whoever takes the
// place of one that left was seen in this round, or is yet to be. A round that late
// ticks have made longer is finished before the next: or the last would never be seen.
// Whether each has a session, and each session somebody, their numbers tell; if they
// differ, all are looked at.
func (r *registry) lookAfter(c actor.Context, now time.Time) {
	all := r.roster.here
	r.unseen = min(r.unseen, len(all))
	looks := max(1, int(now.Sub(r.looked).Round(tickEvery)/tickEvery)) // as many as there would have been
	r.looked = now
	reminders := 0
	for range min(r.unseen, looks*(len(all)/looksInRound+1)) {
		r.unseen--
		if r.remind(c, all[r.unseen]) {
			reminders++
		}
		if reminders == remindersAtOnce {
			break
		}
	}
	if r.unseen == 0 && now.Sub(r.rounded) >= roundEvery {
		r.rounded, r.unseen = now, len(all)
	}
	if now.Sub(r.reconciled) < roundEvery {
		return
	}
	r.reconciled = now
	if r.closing != nil || len(c.Children()) != len(all)+ownChildren {
		r.reconcile(c)
	}
}

// remind tells a session again what it may not have heard, if there is anything.
func (r *registry) remind(c actor.Context, m *member) bool {
	if _, ended := m.connect.Socket.Ended(); ended {
		c.Send(childPID(c, m.id), &Gone{})
	} else if m.ending != nil {
		r.end(c, m.id, *m.ending)
	} else {
		return false
	}
	return true
}

// reconcile makes members, children and sockets equal again, whatever message
// was lost on the way.
func (r *registry) reconcile(c actor.Context) {
	r.reconciled = time.Now()
	r.feel()
	missing := make(map[rollcall.SessionID]*member, len(r.roster.here))
	for _, m := range r.roster.here {
		missing[m.id] = m
	}
	for _, child := range c.Children() {
		id, ok := sessionOf(strings.TrimPrefix(child.Id, c.Self().Id+"/"))
		if !ok {
			continue // the writer or the sweeper
		}
		m := missing[id]
		delete(missing, id)
		if m == nil {
			c.Stop(child)
			continue
		}
		r.remind(c, m)
	}
	for id, m := range missing {
		if m.pulse == nil {
			r.spawn(c, m)
		} else {
			r.leave(id)
		}
	}
	if r.closing != nil {
		r.closeAll(c, *r.closing)
	}
}
