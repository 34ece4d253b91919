package transport

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// Who comes again must be told what happened meanwhile, all of it and once; and
// when that is not known any more, must not be left with a list that is wrong.
func TestStreamGoesOnOrBeginsAnew(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		p.watching.happen(events("1 a", "2 b", "3 a")...)
		for target, headers := range map[string]string{"": "Last-Event-ID: 1\n", "?last_event_id=1": ""} {
			if got := told(p.watch(target, headers).next()); got != "2 3" {
				t.Errorf("who knows 1 is told %q", got)
			}
		}
		p.end()
		if got := told(p.watch("", "Last-Event-ID: other\n").next()); got != "reset snapshot" {
			t.Errorf("who knows what nobody knows is told %q", got)
		}
		if got := told(p.watch("", "Last-Event-ID: "+beginning+"\n").next()); got != "1 2 3" {
			t.Errorf("who knows the snapshot is told %q", got)
		}
		p.end()
		lagging := p.watch("", "Last-Event-ID: 3\n")
		p.watching.change(func() {
			p.watching.events = append(p.watching.events, events("4 a", "5 a")...)
			p.watching.forgotten = 4
		})
		time.Sleep(streamPace)
		text := lagging.next()
		if got := told(text); got != "reset snapshot" {
			t.Errorf("who lags behind what is kept is told %q", got)
		}
		// Else a client that is cut off in the snapshot would go on from an old place.
		if !strings.Contains(text, "event: reset\nid:\ndata: {}\n\n") {
			t.Errorf("the reset does not take back the ID: %q", text)
		}
		p.watching.happen(events("6 a")...)
		time.Sleep(streamPace)
		if got := told(lagging.next()); got != "6" {
			t.Errorf("after the snapshot it is told %q", got)
		}
	})
}

// A place that was noted before a reset is one that is not kept: whoever is cut off later
// and goes on from there would have to begin anew once more.
func TestResetForgetsThePlaceBeforeIt(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		few := p.watch("?emails=b@example.com", "")
		few.next()
		time.Sleep(streamPace)
		p.watching.happen(events("1 a")...)
		time.Sleep(streamPace)
		p.watching.change(func() {
			p.watching.events = append(p.watching.events, events("2 a", "3 a")...)
			p.watching.forgotten = 2
		})
		time.Sleep(streamPace)
		if got := told(few.next()); got != "reset snapshot" {
			t.Fatalf("who lags behind what is kept is told %q", got)
		}
		time.Sleep(streamBeat)
		if got := few.next(); got != ":\n\n" {
			t.Errorf("after the snapshot, and a silence, it is told %q", got)
		}
	})
}

// Whoever comes again must know when what was missed has come, however much it was: a
// list that lags behind would else be taken for the one of now.
func TestStreamSaysWhenNothingMoreWasMissed(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		place := func(id int) string { return fmt.Sprintf("id: %d\n\n", id) }
		many := make([]rollcall.Event, 0, streamBatch+2)
		for i := range cap(many) {
			many = append(many, events(fmt.Sprint(i+1, " a"))...)
		}
		p.watching.happen(many...)
		for _, c := range []struct {
			target string
			id     int
			told   int
		}{
			{"", len(many), 0},
			{"", len(many) - 1, 1},
			{"", 2, streamBatch},
			{"", 1, streamBatch + 1},
			{"?emails=b@example.com", 1, 0},
		} {
			text := p.watch(c.target, fmt.Sprintf("Last-Event-ID: %d\n", c.id)).next()
			if got := len(strings.Fields(told(text))); got != c.told {
				t.Errorf("who knows %d%s is told %d events, want %d", c.id, c.target, got, c.told)
			}
			if strings.Count(text, "\n\n"+place(len(many))) != 1 || !strings.HasSuffix(text, place(len(many))) {
				t.Errorf("who knows %d%s is told at the end %q", c.id, c.target, text[max(0, len(text)-300):])
			}
			p.end()
		}
		if text := p.watch("", "Last-Event-ID: other\n").next(); strings.Contains(text, "\n\nid:") {
			t.Errorf("who has to begin anew is told %q", text)
		}
	})
}
