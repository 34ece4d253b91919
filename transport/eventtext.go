package transport

import (
	"strconv"
	"sync"

	"github.com/rollcall/rollcall"
)

const (
	// maxEventTexts is how many events are kept as they are sent. Watchers who read
	// about as fast as things happen share them; for one who lags further behind
	// they are written anew.
	maxEventTexts = 4096
	// eventSize is about what one takes.
	eventSize = 256
)

// eventTexts is the last events as they are sent, each written once for all who
// watch. The bytes never change.
type eventTexts struct {
	mu   sync.Mutex // guards what follows
	byID map[string][]byte
	ids  []string // a ring of what is kept
	next int      // its oldest, once it is full
}

func newEventTexts() *eventTexts { return &eventTexts{byID: make(map[string][]byte)} }

// appendEvents appends events as they are sent.
func (t *eventTexts) appendEvents(b []byte, events []rollcall.Event) []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range events {
		b = append(b, t.text(e)...)
	}
	return b
}

func (t *eventTexts) text(e rollcall.Event) []byte {
	if text, ok := t.byID[e.ID]; ok {
		return text
	}
	text := appendEvent(make([]byte, 0, eventSize), e)
	if len(t.ids) < maxEventTexts {
		t.ids = append(t.ids, e.ID)
	} else {
		delete(t.byID, t.ids[t.next])
		t.ids[t.next] = e.ID
		t.next = (t.next + 1) % maxEventTexts
	}
	t.byID[e.ID] = text
	return text
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
	b = append(appendTime(b, e.At), '"')
	if e.Kind == rollcall.EventLeave {
		b = append(b, `,"reason":`...)
		b = appendJSON(b, e.Cause)
		b = append(b, `,"duration_ms":`...)
		b = strconv.AppendInt(b, e.At.Sub(e.Entry.ConnectedAt).Milliseconds(), 10)
	}
	return append(b, "}\n\n"...)
}

// appendPart appends one part of a snapshot. Only the last has an ID to go on from:
// who is cut off between two parts needs the whole again.
func appendPart(b []byte, part int, lastID string, users []rollcall.Entry) []byte {
	b = append(b, "event: snapshot\n"...)
	if lastID != "" {
		b = append(append(append(b, "id: "...), lastID...), '\n')
	}
	b = append(b, "data: {\"part\":"...)
	b = strconv.AppendInt(b, int64(part), 10)
	b = append(b, `,"last":`...)
	b = strconv.AppendBool(b, lastID != "")
	b = append(b, `,"users":[`...)
	for i, e := range users {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendEntry(append(b, '{'), e), '}')
	}
	return append(b, "]}\n\n"...)
}
