package bench

import (
	"fmt"
	"time"
)

const (
	// patience is how long nothing may happen while a step waits for something.
	// Then whoever is waited for counts as failed.
	patience = 30 * time.Second
	// tickEvery is how exact an activity is about time when no events come.
	tickEvery = 2 * time.Millisecond
	// dialsATick is how many sockets are dialed before events are looked at
	// again: a greeting that waits for them would count as the server's delay.
	dialsATick = 64
)

// errPatience is the cause of a client that was given up.
var errPatience = fmt.Errorf("no answer in %s", patience)

// activity is a step while it is under way: what happens to the clients, and
// what it has them do.
type activity interface {
	begin()
	greeted(c *client)
	replied(c *client, count int)
	ended(c *client, cause error) // nil if the client left on its own
	tick()                        // after each round of events, and every tickEvery
	done() bool
}

// newActivity makes the activity of a step.
func newActivity(w *worker, s step) (activity, error) {
	watched := bystander{w: w, from: w.loop.now()}
	switch s.Do {
	case doConnect:
		return &connecting{bystander: watched, step: s}, nil
	case doEcho:
		return newEchoing(watched, s), nil
	case doHold:
		return &holding{watched, s.For}, nil
	case doChurn:
		return &churning{bystander: watched, step: s}, nil
	case doLeave:
		return &parting{bystander: watched, abrupt: s.Abrupt}, nil
	case doAsk:
		return &asking{bystander: watched, step: s}, nil
	case doOpen:
		return &opening{bystander: watched, step: s}, nil
	case doWatch:
		return &watching{bystander: watched, step: s}, nil
	}
	return nil, fmt.Errorf("the step %q is not known", s.Do)
}

// bystander is what an activity does that does nothing. The others are made of it.
type bystander struct {
	w    *worker
	from time.Duration // when it began
	last time.Duration // when something happened that it waits for
}

func (b *bystander) begin()               {}
func (b *bystander) greeted(*client)      {}
func (b *bystander) replied(*client, int) {}
func (b *bystander) ended(*client, error) {}
func (b *bystander) tick()                {}
func (b *bystander) done() bool           { return true }

// elapsed is the time since the beginning.
func (b *bystander) elapsed() time.Duration { return b.w.loop.now() - b.from }

// happened notes that something was done: the step took at least until now.
func (b *bystander) happened() {
	b.last = b.w.loop.now()
	b.w.tally.Took = b.last - b.from
}

// tired reports that nothing has happened for too long.
func (b *bystander) tired() bool { return b.w.loop.now()-max(b.last, b.from) > patience }

// holding does nothing for a time. The clients answer pings by themselves.
type holding struct {
	bystander
	length time.Duration
}

func (h *holding) done() bool {
	if h.elapsed() < h.length {
		return false
	}
	h.w.tally.Done = len(h.w.clients)
	h.w.tally.Took = h.elapsed()
	return true
}

// connecting opens sockets, so many at a time.
type connecting struct {
	bystander
	step
	begun, flying int
	waiting       map[*client]struct{}
}

func (a *connecting) begin() { a.waiting = make(map[*client]struct{}) }

func (a *connecting) more() {
	for n := 0; n < dialsATick && a.flying < a.Concurrency && a.begun < a.Count; n++ {
		a.begun++
		c, err := a.w.dialNext()
		if err != nil {
			a.w.tally.fail(err.Error())
			continue
		}
		a.waiting[c] = struct{}{}
		a.flying++
	}
}

func (a *connecting) greeted(c *client) {
	a.happened()
	a.w.tally.Done++
	a.w.tally.Latency.note(a.last - c.began)
	a.landed(c)
}

func (a *connecting) ended(c *client, _ error) {
	a.happened()
	a.landed(c)
}

func (a *connecting) landed(c *client) {
	if _, ok := a.waiting[c]; ok {
		delete(a.waiting, c)
		a.flying--
	}
	// The next is dialed in tick: from here a storm of failures would recurse.
}

func (a *connecting) tick() {
	if a.more(); a.flying > 0 && a.tired() {
		for c := range a.waiting {
			c.end(errPatience)
		}
	}
}

func (a *connecting) done() bool { return a.flying == 0 && a.begun == a.Count }

// parting ends every socket at once.
type parting struct {
	bystander
	abrupt bool
}

func (a *parting) begin() {
	for len(a.w.clients) > 0 {
		a.w.letGo(a.w.clients[len(a.w.clients)-1], a.abrupt)
	}
}

func (a *parting) ended(c *client, cause error) {
	a.happened()
	if cause == nil {
		a.w.tally.Done++
		a.w.tally.Latency.note(a.last - c.began)
	}
}

func (a *parting) tick() {
	if !a.done() && a.tired() {
		for c := range a.w.leaving {
			c.end(errPatience)
		}
	}
}

func (a *parting) done() bool { return len(a.w.leaving) == 0 }
