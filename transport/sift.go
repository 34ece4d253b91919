package transport

import (
	"slices"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// rest is what has come of a message that is not whole: all its frames up to
// seen, and what there is of the next.
type rest struct {
	buf     []byte
	seen    int
	payload int64 // of the frames up to seen
	whole   bool  // it is whole, and waits for credit
	held    int   // bytes of the budget
}

// sift hands over every message that is whole, answers every ping, and leaves
// what is not whole. Whatever is wrong is the library's to find: it is given the
// frame that it will refuse.
func (p *parked) sift(m *rest) state {
	for {
		h, ok := headOf(m.buf[m.seen:])
		if !ok {
			return p.tolerate(m)
		}
		end := m.seen + h.size
		wrongTurn := h.data() && h.begins() == (m.seen > 0)
		tooLong := h.whole && (h.length < 0 || h.data() && m.payload+h.length > p.terms.limit)
		if !h.valid || wrongTurn || tooLong {
			return p.refuse(m.buf[:end])
		}
		if !h.whole || int64(len(m.buf)-end) < h.length {
			return p.tolerate(m)
		}
		end += int(h.length)
		switch {
		case h.opcode == websocket.CloseMessage:
			return p.refuse(m.buf[m.seen:end])
		case h.control():
			if !p.pong(h, m.buf[m.seen:end]) {
				return p.violate(rollcall.CloseRateExceeded)
			}
			if m.cut(end); m.seen == 0 {
				p.unfinished.Store(0) // what had begun was no message
			}
		case !h.final:
			m.seen, m.payload = end, m.payload+h.length
		default:
			cost := int(m.payload+h.length) + frameCost
			if m.whole = !p.takes(cost); m.whole {
				return starved
			}
			if next := p.deliver(m.buf[:end], cost); next != waits {
				return next
			}
			*m = rest{buf: m.buf[end:], held: m.held}
			p.unfinished.Store(0) // what follows is another message
		}
	}
}

// cut takes out the frame behind seen, which is no part of the message.
func (m *rest) cut(end int) {
	if m.seen == 0 {
		m.buf = m.buf[end:]
		return
	}
	m.buf = slices.Delete(m.buf, m.seen, end)
}

// tolerate bounds what a message may take that comes in many small frames: its
// payload is bounded, and their heads must not be more.
func (p *parked) tolerate(m *rest) state {
	if int64(len(m.buf)) > 2*p.terms.limit+maxGathered {
		return p.violate(rollcall.CloseTooBig)
	}
	return waits
}

// takes takes the credit for a message, if there is some.
func (p *parked) takes(cost int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.needs = cost
	if !p.room(cost) {
		return false
	}
	p.credit += cost
	p.short = !p.held.hold(cost - frameCost)
	return true
}

// refuse gives the library what it ends the conversation for: a violation, or the
// client's goodbye. It may write a close frame of its own, and wait for whoever
// writes, so nobody else's turn may depend on it.
func (p *parked) refuse(frames []byte) state {
	frames = slices.Clone(frames) // the buffer is lent
	return p.leave(func() bool {
		p.wire.refuse(frames)
		_, from, err := p.conn.NextReader()
		if err == nil {
			f := p.lend(websocket.TextMessage)
			_, err = f.buf.ReadFrom(from)
			f.drop()
		}
		return p.end(err)
	})
}

// deliver hands one whole message to the session. Its credit was taken. Nothing in it
// is left for the library to find, which would take longer over it than all others.
func (p *parked) deliver(frames []byte, cost int) state {
	f := p.lend(int(frames[0] & opcodeBits))
	f.held = cost - frameCost
	f.buf.Grow(f.held)
	for len(frames) > 0 {
		h, _ := headOf(frames)
		end := h.size + int(h.length)
		f.buf.Write(h.appendPayload(f.buf.AvailableBuffer(), frames[:end])) // where it is already
		frames = frames[end:]
	}
	why, bad := p.judge(f)
	switch {
	case !bad && !p.short:
		p.session.Receive(f)
		return waits
	case !bad:
		f.Release()
		return p.leave(func() bool { p.Close(rollcall.CloseShortOfMemory); return false })
	}
	p.mu.Lock()
	p.credit -= cost
	p.mu.Unlock()
	f.drop()
	return p.violate(why)
}

// pong notes a ping or a pong. It answers false for one ping too many.
func (p *parked) pong(h head, frame []byte) bool {
	if h.opcode == websocket.PongMessage {
		return true
	}
	if p.tooFast() {
		return false
	}
	p.sendPong(string(h.appendPayload(nil, frame)))
	return true
}

// violate closes the socket, when everything that was read has its reply.
func (p *parked) violate(why rollcall.Close) state {
	return p.leave(func() bool {
		p.settle()
		p.Close(why)
		return false
	})
}
