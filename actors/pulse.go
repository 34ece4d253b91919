package actors

import (
	"sync/atomic"
	"time"

	"github.com/rollcall/rollcall"
)

// pulse carries a session's last activity to the registry. It is in the beats from
// its first frame on until the registry takes it, whatever comes meanwhile.
type pulse struct {
	session rollcall.SessionID
	at      atomic.Int64 // nanoseconds since 1970; 0 if it is not in the beats
	next    *pulse       // in the beats
	greeted atomic.Bool  // nothing may be pushed before the greeting
}

// take empties the pulse.
func (p *pulse) take() time.Time { return time.Unix(0, p.at.Swap(0)) }

// beats are the pulses that the registry has not seen yet: a stack that sessions
// push to, and the registry takes whole. A message for each frame would cost as
// much as the answer, and tell nothing that is not here when somebody asks.
type beats struct {
	top   atomic.Pointer[pulse]
	taken *pulse // what is left of the last taking; the registry's
}

// push notes activity. A pulse that is in already is not put in again.
func (b *beats) push(p *pulse, at time.Time) {
	if p.at.Swap(at.UnixNano()) != 0 {
		return
	}
	for {
		top := b.top.Load()
		p.next = top
		if b.top.CompareAndSwap(top, p) {
			return
		}
	}
}

// pop takes one pulse out, or nil. A crash between two leaves the rest for the
// next time.
func (b *beats) pop() *pulse {
	if b.taken == nil {
		b.taken = b.top.Swap(nil)
	}
	p := b.taken
	if p != nil {
		b.taken, p.next = p.next, nil // or who is silent from now on would hold those behind
	}
	return p
}
