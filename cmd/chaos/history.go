package main

import (
	"math"
	"slices"
	"sync"
	"time"
)

// moment is a time of the run, by the monotonic clock of this process: the time
// since it began. Everything that the checker compares is on this one clock.
type moment = time.Duration

// never is the moment of what has not happened.
const never = moment(math.MaxInt64)

// record is everything that is known of a run. The checker reads nothing else.
type record struct {
	sockets    []socket
	faults     []fault
	seen       []observation
	unanswered []unanswered
	echoes     []echo
	surprises  []string // what must not happen at all, in words
}

// unanswered is a list that a server was asked for in vain.
type unanswered struct {
	node           string
	asked, givenUp moment
	why            string
}

// history collects the record of a run that goes on.
type history struct {
	began time.Time

	mu      sync.Mutex // guards what follows, and what the pointers lead to
	sockets []*socket
	faults  []*fault
	rest    record // whose sockets and faults are empty
}

func newHistory() *history { return &history{began: time.Now()} }

func (h *history) now() moment { return time.Since(h.began) }

// record copies what is known so far.
func (h *history) record() record {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.rest
	r.seen = slices.Clip(r.seen)
	r.unanswered = slices.Clip(r.unanswered)
	r.echoes = slices.Clip(r.echoes)
	r.surprises = slices.Clip(r.surprises)
	for _, s := range h.sockets {
		r.sockets = append(r.sockets, *s)
	}
	for _, f := range h.faults {
		r.faults = append(r.faults, *f)
	}
	return r
}

func (h *history) saw(seen ...observation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest.seen = append(h.rest.seen, seen...)
}

func (h *history) heardNothing(u unanswered) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest.unanswered = append(h.rest.unanswered, u)
}

func (h *history) echoed(e echo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest.echoes = append(h.rest.echoes, e)
}

func (h *history) surprise(what string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rest.surprises = append(h.rest.surprises, what)
}

// dials notes a socket before its first byte goes out.
func (h *history) dials(user int, node string) *socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := &socket{user: user, node: node, dialed: h.now(), greeted: never, leaving: never, left: never}
	h.sockets = append(h.sockets, s)
	return s
}

// change lets a client write down what has happened to its socket.
func (h *history) change(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// begin notes a fault before it strikes.
func (h *history) begin(f fault) *fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.began, f.ended = h.now(), never
	h.faults = append(h.faults, &f)
	return &f
}

// end notes that a fault is over.
func (h *history) end(f *fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.ended = h.now()
}
