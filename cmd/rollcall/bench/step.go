package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// The flow between the bench and the processes that hold its clients:
//
//	bench  → worker   one assignment, then steps, one JSON document a line
//	worker → bench    news each second while a step is under way, and at its end

// newsEvery is how often a worker says how far it is.
const newsEvery = time.Second

// assignment is what a worker is told once.
type assignment struct {
	Address   string `json:"address"` // of the server
	Token     string `json:"token"`
	Addresses int    `json:"addresses"` // how many source addresses there are
	First     int    `json:"first"`     // the number of its first user
	Users     int    `json:"users"`     // how many users it has, with some to spare for those who are leaving
}

// deed is what a step has clients do.
type deed string

// The deeds.
const (
	doConnect deed = "connect" // Count sockets, Concurrency at a time
	doEcho    deed = "echo"    // Depth messages of Size bytes under way on each socket, or one Every so often
	doHold    deed = "hold"    // nothing but answering pings
	doChurn   deed = "churn"   // one socket leaves and another comes, Rate times a second
	doLeave   deed = "leave"   // all sockets at once, with or without a word
	doAsk     deed = "ask"     // the list, over Count connections all the time; of the bare server, Size bytes if that is set
	doOpen    deed = "open"    // Count streams of events, Concurrency at a time
	doWatch   deed = "watch"   // read them, and count
)

// step is one thing that clients are told to do.
type step struct {
	Do          deed          `json:"do"`
	Count       int           `json:"count,omitempty"`
	Concurrency int           `json:"concurrency,omitempty"`
	Depth       int           `json:"depth,omitempty"`
	Size        int           `json:"size,omitempty"`
	Rate        float64       `json:"rate,omitempty"`
	Every       time.Duration `json:"every,omitempty"`
	For         time.Duration `json:"for,omitempty"`
	Abrupt      bool          `json:"abrupt,omitempty"`
	Variant     variant       `json:"variant,omitempty"`
}

// variant is how the list is asked for.
type variant string

// The variants.
const (
	askPlain variant = "plain"
	askGzip  variant = "gzip"
	askETag  variant = "etag" // with the ETag of the answer before, to be told that nothing has changed
)

// share is what one worker of several does of a step.
func (s step) share(index, workers int) step {
	s.Count = portion(s.Count, index, workers)
	s.Concurrency = portion(s.Concurrency, index, workers)
	if s.Count > 0 {
		s.Concurrency = max(1, s.Concurrency)
	}
	s.Rate /= float64(workers)
	return s
}

// portion cuts a number into whole parts that add up to it.
func portion(n, index, parts int) int { return n*(index+1)/parts - n*index/parts }

// tally is what became of a step.
type tally struct {
	Done    int            `json:"done"`
	Late    int            `json:"late,omitempty"` // what was due and could not be begun in time
	Pings   int            `json:"pings,omitempty"`
	Bytes   int64          `json:"bytes,omitempty"`
	Failed  map[string]int `json:"failed,omitempty"` // by cause
	Took    time.Duration  `json:"took"`
	Latency latencies      `json:"latency"`
}

func (t *tally) fail(cause string) {
	if t.Failed == nil {
		t.Failed = make(map[string]int)
	}
	t.Failed[cause]++
}

// add takes in what another worker did at the same time.
func (t *tally) add(other tally) {
	t.Done += other.Done
	t.Late += other.Late
	t.Pings += other.Pings
	t.Bytes += other.Bytes
	for cause, n := range other.Failed {
		if t.Failed == nil {
			t.Failed = make(map[string]int)
		}
		t.Failed[cause] += n
	}
	t.Took = max(t.Took, other.Took)
	t.Latency.add(other.Latency)
}

// rate is how many were done a second.
func (t *tally) rate() float64 {
	if t.Took <= 0 {
		return 0
	}
	return float64(t.Done) / t.Took.Seconds()
}

func (t *tally) failures() (n int) {
	for _, times := range t.Failed {
		n += times
	}
	return n
}

// causes tells why something failed, the most frequent first; empty if nothing did.
func (t *tally) causes() string {
	causes := slices.Sorted(maps.Keys(t.Failed))
	slices.SortStableFunc(causes, func(a, b string) int { return t.Failed[b] - t.Failed[a] })
	for i, cause := range causes {
		causes[i] = fmt.Sprintf("%d × %s", t.Failed[cause], cause)
	}
	return strings.Join(causes, ", ")
}

// news is what a worker says of its step.
type news struct {
	Over  bool   `json:"over"`  // the step has ended, and the tally is final
	Doing int    `json:"doing"` // sockets that are open
	Tally tally  `json:"tally"`
	Error string `json:"error,omitempty"` // why the worker cannot go on
}
