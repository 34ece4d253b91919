package bench

import (
	"bytes"
	"time"
)

// echoing keeps a number of messages under way on every socket, or has every
// socket send one every so often, and counts the replies.
type echoing struct {
	bystander
	step
	burst  []byte // Depth messages, each of frame bytes
	frame  int
	under  int // messages under way
	over   bool
	cursor int // the next to send, when they send every so often
	sent   int
}

func newEchoing(b bystander, s step) *echoing {
	message := `{"message": "` + string(bytes.Repeat([]byte{'x'}, s.Size)) + `"}`
	frame := appendFrame(nil, opText, []byte(message))
	return &echoing{bystander: b, step: s, burst: bytes.Repeat(frame, s.Depth), frame: len(frame)}
}

func (a *echoing) begin() {
	for _, c := range a.w.clients {
		c.sent, c.oldest = nil, 0
	}
	if a.Every > 0 {
		return
	}
	for i := 0; i < len(a.w.clients); i++ { // one that fails is replaced by the last
		c := a.w.clients[i]
		c.sent = make([]time.Duration, a.Depth)
		now := a.w.loop.now()
		for n := range c.sent {
			c.sent[n] = now
		}
		if a.under += a.Depth; !c.write(a.burst) {
			i--
		}
	}
}

// replied counts the replies, and has as many messages follow in one write.
func (a *echoing) replied(c *client, count int) {
	now := a.w.loop.now()
	if count = min(count, a.underWay(c)); count == 0 {
		return
	}
	for range count {
		if !a.over {
			a.w.tally.Latency.note(now - c.sent[c.oldest])
			a.w.tally.Done++
		}
		c.sent[c.oldest] = now
		c.oldest = (c.oldest + 1) % len(c.sent)
	}
	a.last = now
	switch {
	case a.Every > 0 || a.over:
		a.under -= count
		c.sent = c.sent[:len(c.sent)-count]
		c.oldest = 0
	default:
		c.write(a.burst[:count*a.frame])
	}
}

// underWay is how many messages of a client have no reply yet.
func (a *echoing) underWay(c *client) int { return len(c.sent) }

func (a *echoing) ended(c *client, _ error) {
	a.under -= a.underWay(c)
	c.sent = nil
}

func (a *echoing) tick() {
	if !a.over && a.elapsed() >= a.For {
		a.over = true
		a.w.tally.Took = a.elapsed()
	}
	if !a.over && a.Every > 0 {
		a.sendDue()
	}
	if a.over && a.under > 0 && a.tired() {
		for _, c := range append([]*client(nil), a.w.clients...) {
			if a.underWay(c) > 0 {
				c.end(errPatience)
			}
		}
	}
}

// sendDue has the sockets send one after the other, evenly over the time. One
// that still waits for a reply counts as late, and waits for its next turn.
func (a *echoing) sendDue() {
	due := int(float64(len(a.w.clients)) * a.elapsed().Seconds() / a.Every.Seconds())
	for ; a.sent < due && len(a.w.clients) > 0; a.sent++ {
		a.cursor = (a.cursor + 1) % len(a.w.clients)
		c := a.w.clients[a.cursor]
		if a.underWay(c) > 0 {
			a.w.tally.Late++
			continue
		}
		c.sent, c.oldest = append(c.sent[:0], a.w.loop.now()), 0
		a.under++
		c.write(a.burst[:a.frame])
	}
}

func (a *echoing) done() bool { return a.over && a.under == 0 }
