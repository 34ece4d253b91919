package transport

import (
	"errors"
	"slices"

	"github.com/rollcall/rollcall"
)

// parked is the reading side of a socket that waits without a goroutine. It is
// woken when something has come, hands over the messages that are whole, and
// waits again. Everything about it is guarded by who may read: it has a state.
type parked struct {
	reader
	rest   *rest // nil while nothing is
	state  state // guarded by the socket's lock, as what follows
	missed bool  // it was woken while somebody read
	short  bool  // there was no memory for the message in hand
	needs  int   // bytes of credit, for the message in hand
}

// state says who may read.
type state uint8

const (
	waits   state = iota // nobody, until it is woken
	reads                // who woke it
	starved              // nobody, until there is credit
	parts                // nobody: the client has said goodbye, and the session goes first
	over                 // a goroutine of its own, to the end
)

// park lets a socket that has its session wait without a goroutine. It answers
// false if its connection cannot.
func (s *Server) park(one *socket) bool {
	if !one.wire.parkable() {
		return false
	}
	p := &parked{reader: reader{socket: one, terms: &s.terms}, state: reads}
	one.wire.fed = true
	p.conn.SetCloseHandler(silent)    // Close answers, in its turn
	p.conn.SetPingHandler(unexpected) // the library's own handlers hold memory
	one.mu.Lock()
	one.parked = p
	one.mu.Unlock()
	if p.rests(false) != Leaves {
		p.wait().Attach(p)
	}
	return true
}

// unexpected is never called: pings are answered before the library sees them.
func unexpected(string) error { return nil }

// wait is the connection, which knows how to wait.
func (p *parked) wait() Parkable { return p.wire.Conn.(Parkable) }

// Wake implements [Driver].
func (p *parked) Wake(buffer []byte) (next Outlook) {
	if !p.claim() {
		return Leaves
	}
	behind := p.rest != nil && p.rest.whole // it starved, and has not been read for a while
	defer func() {
		if p.survive(recover()) {
			p.uncork()
			p.leave(func() bool { return false })
			next = Leaves
		}
	}()
	for {
		now, full := p.turn(buffer)
		p.uncork()
		switch {
		case now == waits:
			return p.rests(behind || full)
		case now == starved && p.starves():
			behind = true
			p.cork()
		default:
			return Leaves
		}
	}
}

// claim takes the right to read, and corks the socket. Whoever has the right is told
// that somebody came.
func (p *parked) claim() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != waits {
		p.missed = true
		return false
	}
	p.state, p.missed, p.corked = reads, false, true
	return true
}

// rests gives the right to read back. A socket that was closed meanwhile has
// nothing to wait for.
func (p *parked) rests(behind bool) Outlook {
	p.mu.Lock()
	if p.ended.Load() != nil {
		p.mu.Unlock()
		p.leave(func() bool { return false })
		return Leaves
	}
	p.state = waits
	missed := p.missed
	p.mu.Unlock()
	if missed || behind {
		return WaitsAgain
	}
	return WaitsOn
}

// starves waits for credit. It answers true if there is some already.
func (p *parked) starves() bool {
	p.mu.Lock()
	switch {
	case p.ended.Load() != nil:
		p.mu.Unlock()
		p.leave(func() bool { return false })
		return false
	case p.room(p.needs):
		p.mu.Unlock()
		return true
	}
	p.state = starved
	p.mu.Unlock()
	return false
}

// feed wakes a starved socket when there is credit for it: by the way of its
// connection, since whoever gives credit has other things to do. The caller holds
// the lock.
func (p *parked) feed() {
	if p.state == starved && p.room(p.needs) {
		p.state = waits
		p.wait().Again()
	}
}

// stopped takes the right to read from a socket that was closed while nobody
// had it, and answers whether it did. The caller holds the lock.
func (p *parked) stopped() bool {
	if p.state != waits && p.state != starved && p.state != parts {
		return false
	}
	p.state = over
	return true
}

// leave ends the reading, in a goroutine of its own: the last things that are
// to be done wait for the client, or for its session.
func (p *parked) leave(last func() (goodbye bool)) state {
	p.mu.Lock()
	left := p.state == over
	p.state = over
	p.mu.Unlock()
	if !left {
		go p.finish(last)
	}
	return over
}

func (p *parked) finish(last func() (goodbye bool)) {
	parting := false
	defer func() {
		if p.survive(recover()); !parting {
			p.terms.farewell(p.socket)
		}
	}()
	p.wait().Detach()
	goodbye := last()
	if parting = goodbye && p.parting(); !parting {
		p.finishReading(goodbye)
	}
}

// parting leaves the rest to Close, when the client has said goodbye: of many who
// leave at once each would have a goroutine until the registry has noted it. It answers
// false if the socket is closed already.
func (p *parked) parting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended.Load() != nil {
		return false
	}
	p.state = parts
	return true
}

// turn reads what has come and hands over what is whole. There may be more if the
// buffer was full. What it works on is the rest of the last turn, or as a rule
// nothing but the buffer: only what is left at the end is kept, in memory of its own.
func (p *parked) turn(buffer []byte) (next state, full bool) {
	var fresh rest
	m := p.rest
	if m == nil {
		m = &fresh
	}
	if !m.whole {
		n, err := p.wait().TryRead(buffer)
		switch {
		case errors.Is(err, ErrNothing):
			return waits, false
		case err != nil:
			return p.leave(func() bool { return p.end(err) }), false
		}
		full = n == len(buffer)
		p.heard.Store(p.now())
		if m.buf == nil {
			m.buf = buffer[:n]
		} else {
			m.buf = append(m.buf, buffer[:n]...)
		}
	}
	if next = p.sift(m); next != over {
		next = p.keep(m, next)
	}
	return next, full
}

// keep keeps what is left for the next turn, in memory of its own.
func (p *parked) keep(m *rest, next state) state {
	holds, had := len(m.buf), m.held
	switch {
	case holds == 0:
		p.rest = nil
	case p.rest == nil, cap(m.buf) > 2*holds+maxGathered: // a whole message lies before it
		p.rest = &rest{buf: slices.Clone(m.buf), seen: m.seen, payload: m.payload, whole: m.whole, held: holds}
	default:
		p.rest.held = holds
	}
	p.hurry(holds-had, holds == 0 || m.whole)
	if holds == had {
		return next
	}
	p.mu.Lock()
	p.held.letGo(had)
	fits := p.held.hold(holds)
	p.mu.Unlock()
	if !fits {
		return p.leave(func() bool { p.Close(rollcall.CloseShortOfMemory); return false })
	}
	return next
}

// hurry sets the time for a message that is under way, of which so many bytes more
// have come.
func (p *parked) hurry(more int, none bool) {
	switch {
	case none:
		p.unfinished.Store(0)
	case p.unfinished.Load() == 0:
		p.unfinished.Store(p.now() + int64(messageTimeout))
	default:
		p.progress(max(more, 0))
	}
}
