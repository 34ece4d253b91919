package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// The text is compared as it stands: clients of many kinds parse it, and what it
// means is in WHATWG HTML section 9.2.
func TestStreamTellsTheSnapshotAndThenWhatHappens(t *testing.T) {
	p := startAPI(t)
	at := noon.Add(time.Second)
	here := rollcall.Entry{Email: "a@example.com", ConnectedAt: noon, LastActivity: noon}
	p.watching.here = []rollcall.Entry{here}
	s := p.listen("", nil)
	s.want(`retry: `, `event: snapshot`+"\nid: 0\n"+`data: {"part":1,"last":true,"users":[{"email":"a@example.com",`+
		`"connected_at":"2025-10-21T12:00:00.000500Z","last_activity":"2025-10-21T12:00:00.000500Z"}]}`)
	for _, e := range []rollcall.Event{
		{ID: "x-1", Kind: rollcall.EventJoin, Entry: here, At: noon},
		{ID: "x-2", Kind: rollcall.EventActivity, Entry: here, At: at},
		{ID: "x-3", Kind: rollcall.EventLeave, Entry: here, At: at, Cause: "node lost"},
	} {
		p.watching.happen(e)
		more, when := "", "2025-10-21T12:00:01.000500Z"
		switch e.Kind {
		case rollcall.EventJoin:
			when = "2025-10-21T12:00:00.000500Z"
		case rollcall.EventLeave:
			more = `,"reason":"node lost","duration_ms":1000`
		}
		s.want(fmt.Sprintf("event: %s\nid: %s\ndata: ", e.Kind, e.ID) + `{"email":"a@example.com","connected_at":"2025-10-21T12:00:00.000500Z",` +
			`"last_activity":"2025-10-21T12:00:00.000500Z","at":"` + when + `"` + more + `}`)
	}
}

// A list may be longer than what anybody should hold for one watcher.
func TestLargeSnapshotComesInParts(t *testing.T) {
	p := startAPI(t)
	for i := range 2*snapshotPart + 1 {
		p.watching.here = append(p.watching.here, rollcall.Entry{Email: rollcall.Email(fmt.Sprintf("%04d@example.com", i))})
	}
	s := p.listen("", nil)
	s.want("retry: ",
		`event: snapshot`+"\n"+`data: {"part":1,"last":false,"users":[{"email":"0000@`,
		`event: snapshot`+"\n"+`data: {"part":2,"last":false,"users":[{"email":"0500@`,
		`event: snapshot`+"\nid: 0\n"+`data: {"part":3,"last":true,"users":[{"email":"1000@`)
}

// Who is watched by name is told of, and nobody else; the name is that of the
// handshake, where a plus is a plus.
func TestWatcherOfAListHearsOfNobodyElse(t *testing.T) {
	for fold, want := range map[bool]string{false: "1 3", true: "1 2 3"} {
		p := startAPI(t, func(c *Config) { c.FoldCase = fold })
		for _, e := range events("0 x", "0 b+c") {
			p.watching.here = append(p.watching.here, e.Entry)
		}
		s := p.listen("?emails=b+c@example.com,d%2Ce@example.com&emails=f@example.com", nil)
		s.want("retry: ", `event: snapshot`+"\nid: 0\n"+`data: {"part":1,"last":true,"users":[{"email":"b+c@example.com"`)
		p.watching.happen(events("x1 x", "1 b+c", "2 F", "x2 a", "3 d,e", "x3 x")...)
		got := ""
		for range strings.FieldsSeq(want) {
			got += " " + told(s.block()+"\n\n")
		}
		if got != " "+want {
			t.Errorf("with folding %t it is told %q, want %q", fold, got, want)
		}
	}
}

// However many watch, what happens is written once for all who are as far as each
// other; and what is kept for that is the newest.
func TestEventsAreWrittenOnceForAllWhoWatch(t *testing.T) {
	s := newStretches()
	some := events("0 a", "1 b", "2 a")
	written := s.text(some)
	if again := s.text(some); &again[0] != &written[0] {
		t.Error("the same events are written again")
	}
	for from, want := range map[int]string{0: "0 1", 1: "1 2"} {
		if got := told(string(s.text(some[from : from+2]))); got != want {
			t.Errorf("a stretch of %q tells %q", want, got)
		}
	}
	for i := range maxStretches - 1 {
		s.text(events(fmt.Sprint(i+3, " a")))
	}
	if again := s.text(some); &again[0] == &written[0] {
		t.Error("an old stretch is kept")
	}
	if newest := s.text(events("3 a")); &newest[0] != &s.text(events("3 a"))[0] {
		t.Error("a new stretch is not kept")
	}
}

// events makes joins, each of "ID name".
func events(all ...string) (made []rollcall.Event) {
	for _, one := range all {
		id, name, _ := strings.Cut(one, " ")
		made = append(made, rollcall.Event{
			ID: id, Kind: rollcall.EventJoin, At: noon,
			Entry: rollcall.Entry{Email: rollcall.Email(name + "@example.com"), ConnectedAt: noon, LastActivity: noon},
		})
	}
	return made
}

// told names what a text tells: the IDs of its events, and the kinds of what has
// none.
func told(text string) string {
	var names []string
	for block := range strings.SplitSeq(text, "\n\n") {
		kind, id := "", ""
		for line := range strings.SplitSeq(block, "\n") {
			field, value, _ := strings.Cut(line, ":")
			switch field {
			case "event":
				kind = strings.TrimSpace(value)
			case "id":
				id = strings.TrimSpace(value)
			}
		}
		switch {
		case kind == "join":
			names = append(names, id)
		case kind != "":
			names = append(names, kind)
		}
	}
	return strings.Join(names, " ")
}
