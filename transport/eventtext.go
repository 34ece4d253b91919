package transport

import (
	"strconv"
	"sync"

	"github.com/rollcall/rollcall"
)

const (
	// maxStretches is how many stretches of events are kept as they are sent. Watchers
	// who read about as fast as things happen share them; for one who lags further
	// behind they are written anew.
	maxStretches = 32
	// eventSize is about what one event takes.
	eventSize = 256
)

// stretches is the last ones as they are sent, each written once for all who watch
// everybody and are as far as each other. The bytes never change.
type stretches struct {
	mu   sync.Mutex            // guards what follows
	kept [maxStretches]stretch // a ring
	next int                   // the place of the next
}

// stretch is some consecutive events, from the first to the last.
type stretch struct {
	first, last string
	text        []byte
}

func newStretches() *stretches { return &stretches{} }

// text returns events as they are sent. There must be one.
func (s *stretches) text(events []rollcall.Event) []byte {
	first, last := events[0].ID, events[len(events)-1].ID
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.kept {
		if one := &s.kept[i]; one.last == last && one.first == first {
			return one.text
		}
	}
	text := appendEvents(make([]byte, 0, len(events)*eventSize), events)
	s.kept[s.next] = stretch{first, last, text}
	s.next = (s.next + 1) % maxStretches
	return text
}

func appendEvents(b []byte, events []rollcall.Event) []byte {
	for _, e := range events {
		b = appendEvent(b, e)
	}
	return b
}

// appendEvent appends one event in the form of WHATWG HTML section 9.2.
func appendEvent(b []byte, e rollcall.Event) []byte {
	b = append(b, "event: "...)
	b = append(b, e.Kind...)
	b = append(b, "\nid: "...)
	b = append(b, e.ID...)
	b = append(b, "\ndata: {"...)
	b = appendEntry(b, e.Entry)
	b = append(b, `,"at":"`...)
	b = append(rollcall.AppendTime(b, e.At), '"')
	if e.Kind == rollcall.EventLeave {
		b = append(b, `,"reason":`...)
		b = appendJSON(b, e.Cause)
		b = append(b, `,"duration_ms":`...)
		b = strconv.AppendInt(b, e.At.Sub(e.Entry.ConnectedAt).Milliseconds(), 10)
	}
	return append(b, "}\n\n"...)
}
