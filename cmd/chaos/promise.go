package main

import (
	"fmt"
	"time"
)

// promise is what is held of a list that should have changed: by when it must
// have.
type promise struct {
	change   time.Duration // in health, after any change
	database time.Duration // after a fault of the database has ended
	lease    time.Duration // of each server
	drain    time.Duration // after SIGTERM, until the last row is gone
	echo     time.Duration // p99 of the replies to others while clients misbehave
	silence  time.Duration // from a client's last byte until the server has given it up
	// slack is added to every bound. Zero is the promise; on a machine that is
	// busy with other things, it keeps the check to what is lost for good.
	slack time.Duration
}

// newPromise is that of servers with these settings.
func newPromise(lease, pingInterval, pongTimeout, slack time.Duration) promise {
	// The server's heart beats four times in the shorter of the two, so that
	// each of them may be noticed by so much too late.
	beat := min(pingInterval, pongTimeout) / 4
	return promise{
		change:   time.Second,
		database: 5 * time.Second,
		lease:    lease,
		drain:    10 * time.Second,
		echo:     50 * time.Millisecond,
		silence:  pingInterval + pongTimeout + 2*beat,
		slack:    slack,
	}
}

// death is how long rows may outlive their server: the lease, at whose end the
// others sweep, and a second for that.
func (p promise) death() time.Duration { return p.lease + p.change }

// bound is by when a list must be true again after a fault, and since when that
// is counted. The second is false if the fault is no excuse for such a list.
func (p promise) bound(f fault, s source) (since, by moment, ok bool) {
	switch {
	case f.kind.ofDatabase():
		return f.ended, after(f.ended, p.database), s.isTable()
	case f.kind == killedSameName:
		return f.ended, f.ended, s.isTable()
	case f.kind == killedOtherName:
		return f.began, after(f.began, p.death()), s.isTable()
	case f.kind.drains():
		return f.began, after(f.began, p.drain), s.isTable()
	case f.kind == frozenServer && s.isTable():
		return f.ended, after(f.ended, p.database), true
	case f.kind == frozenServer:
		return f.ended, after(f.ended, p.change), true
	case f.kind == halfOpen:
		return f.began, after(f.began, p.silence+p.change), true
	}
	return 0, 0, false
}

// words say what is promised after a fault.
func (p promise) words(k faultKind) string {
	switch {
	case k.ofDatabase():
		return fmt.Sprintf("%s after its end", p.database)
	case k == killedSameName:
		return "before the successor serves"
	case k == killedOtherName:
		return fmt.Sprintf("%s after the death", p.death().Round(time.Millisecond))
	case k.drains():
		return fmt.Sprintf("%s after SIGTERM", p.drain)
	case k == frozenServer:
		return fmt.Sprintf("%s after it goes on", p.database)
	case k == misbehaviour:
		return fmt.Sprintf("%s for 99 of 100 replies", p.echo)
	case k == halfOpen:
		return fmt.Sprintf("%s after the cut", p.silence+p.change)
	}
	return fmt.Sprintf("%s after any change", p.change)
}

// after adds to a moment that may be never.
func after(m moment, d time.Duration) moment {
	if m == never {
		return never
	}
	return m + d
}
