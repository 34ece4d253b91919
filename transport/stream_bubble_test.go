package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
)

// A write to each of a thousand watchers for each of five hundred events a second
// is more than a core can do.
func TestEventsOfATenthOfASecondLeaveTogether(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		s := p.watch("", "")
		s.next()
		time.Sleep(streamPace)
		p.watching.happen(events("1 a")...)
		if got := told(s.next()); got != "1" {
			t.Errorf("the first after a silence is %q, and not told at once", got)
		}
		p.watching.happen(events("2 a")...)
		time.Sleep(streamPace - time.Nanosecond)
		p.watching.happen(events("3 a")...)
		if got := told(s.next()); got != "" {
			t.Errorf("%q is told too early", got)
		}
		time.Sleep(time.Nanosecond)
		if got := told(s.next()); got != "2 3" {
			t.Errorf("told together are %q", got)
		}
		time.Sleep(streamPace)
		before := s.writes.Load()
		many := make([]rollcall.Event, 0, 100)
		for i := range cap(many) {
			many = append(many, events(fmt.Sprint(i+4, " a"))...)
		}
		p.watching.happen(many...)
		if got := told(s.next()); len(strings.Fields(got)) != len(many) || s.writes.Load() != before+1 {
			t.Errorf("%d events left in %d writes, and arrived as %q", len(many), s.writes.Load()-before, got)
		}
	})
}

// A proxy closes what is silent. And a watcher of few must not fall out of what is
// kept because of all the others: its place moves on.
func TestSilentStreamSaysThatItIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		all, few := p.watch("", ""), p.watch("?emails=b@example.com", "")
		all.next()
		few.next()
		time.Sleep(streamBeat - time.Nanosecond)
		if got := all.next() + few.next(); got != "" {
			t.Errorf("before its time it says %q", got)
		}
		time.Sleep(time.Nanosecond)
		if all, few := all.next(), few.next(); all != ":\n\n" || few != ":\n\n" {
			t.Errorf("after %s of silence they are told %q and %q", streamBeat, all, few)
		}
		time.Sleep(time.Second / 2)
		for i := range 2 * int(streamBeat/time.Second) {
			p.watching.happen(events(fmt.Sprint(i+1, " a"))...)
			time.Sleep(time.Second)
		}
		all.next()
		if got := few.next(); got != "id: 15\n\nid: 30\n\n" {
			t.Errorf("who watches somebody else is told %q", got)
		}
	})
}

// The end of a patience that began before the last event is no reason to pause: what
// happens next is told at once, as after any silence.
func TestEventBehindABeatThatWasNotDueIsToldAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		s := p.watch("", "")
		time.Sleep(streamBeat / 2)
		p.watching.happen(events("1 a")...)
		time.Sleep(streamBeat / 2)
		s.next()
		time.Sleep(time.Nanosecond)
		p.watching.happen(events("2 a")...)
		if got := told(s.next()); got != "2" {
			t.Errorf("told is %q", got)
		}
		time.Sleep(streamBeat)
		if got := s.next(); got != ":\n\n" {
			t.Errorf("after %s of silence it says %q", streamBeat, got)
		}
	})
}

// A token that is revoked ends what was begun with it. That the database is away
// ends nothing: nobody can say that it was revoked.
func TestStreamOfARevokedTokenEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		s := p.watch("", "")
		p.tokens.set(func(f *fakeTokens) { f.away = true })
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if s.isOver() {
			t.Fatal("without a database the stream ended")
		}
		p.tokens.set(func(f *fakeTokens) { f.away, f.revoked = false, true })
		time.Sleep(streamBeat + 2*tokenPatience)
		synctest.Wait()
		if !s.isOver() {
			t.Error("the stream of a revoked token goes on")
		}
	})
}

// However the stream's own words fall, nobody follows for longer than a beat with a
// token that is revoked.
func TestTokenIsLookedAtInEveryBeat(t *testing.T) {
	for _, spoke := range []time.Duration{streamBeat / 2, streamBeat - streamPace, streamBeat + streamPace} {
		inBubble(t, func(t *testing.T, p *pipeServer) {
			s := p.watch("", "")
			time.Sleep(spoke)
			p.watching.happen(events("1 a")...)
			time.Sleep(streamBeat + 2*streamPace - spoke)
			synctest.Wait()
			p.tokens.set(func(f *fakeTokens) { f.revoked = true })
			time.Sleep(streamBeat)
			synctest.Wait()
			if !s.isOver() {
				t.Errorf("one that spoke after %s goes on for longer than %s", spoke, streamBeat)
			}
		})
	}
}

// Who does not read must cost no more than a place for a while, and no memory.
func TestWatcherWhoDoesNotReadIsCutOff(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		here, there := net.Pipe()
		p.network.conns <- there
		_, _ = io.WriteString(here, "GET "+apiPath+streamPath+" HTTP/1.1\r\nHost: here\r\nAuthorization: Token "+goodToken0+"\r\n\r\n")
		time.Sleep(streamTimeout - time.Nanosecond)
		synctest.Wait()
		if p.open() != 1 {
			t.Fatalf("before its time %d watch", p.open())
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if p.open() != 0 {
			t.Error("it still has its place")
		}
		_ = here.Close()
	})
}

// Nor must it wait for the rest of a write that nobody reads.
func TestDrainDoesNotWaitForWhoDoesNotRead(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		here, there := net.Pipe()
		p.network.conns <- there
		_, _ = io.WriteString(here, "GET "+apiPath+streamPath+" HTTP/1.1\r\nHost: here\r\nAuthorization: Token "+goodToken0+"\r\n\r\n")
		time.Sleep(time.Second)
		begun := time.Now()
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < partingTime || took > 2*partingTime {
			t.Errorf("the drain took %s", took)
		}
		_ = here.Close()
	})
}

// The end of a stream may come between two writes. The next one would set the limit of a
// write anew, and a drain wait for that.
func TestStreamThatEndsWritesNothingMore(t *testing.T) {
	over := errors.New("over")
	ctx, end := context.WithCancelCause(t.Context())
	end(over)
	answer := httptest.NewRecorder()
	s := &stream{call: &call{w: answer}, control: http.NewResponseController(answer)}
	if err := s.write(ctx, []byte("more")); !errors.Is(err, over) || answer.Body.Len() > 0 {
		t.Errorf("it writes %q, and ends with %v", answer.Body, err)
	}
}

// Streams never end by themselves, and a drain must not wait for them.
func TestDrainEndsStreamsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		one, other := p.watch("", ""), p.watch("", "")
		begun := time.Now()
		if err := p.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if took := time.Since(begun); !one.isOver() || !other.isOver() || took > time.Second {
			t.Errorf("after a drain of %s the streams are over: %t, %t", took, one.isOver(), other.isOver())
		}
		if p.watchers.enter() {
			t.Error("a stream may begin after the drain")
		}
	})
}

// Watchers have places of their own: they fill none of those who only ask, and
// one too many is told so.
func TestWatchersTakeNoPlaceOfVisitors(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		one, _ := p.watch("", ""), p.watch("", "")
		third := p.watch("", "")
		if text := third.next(); third.was() != http.StatusServiceUnavailable || text != `{"detail":"Too many watchers."}` || third.had("Retry-After") != retryAfter {
			t.Errorf("the third of two watchers is answered %d %s", third.was(), text)
		}
		p.visitors.mu.Lock()
		beside := len(p.visitors.open) - p.visitors.streams
		p.visitors.mu.Unlock()
		if beside != 1 {
			t.Errorf("%d connections count beside two watchers, want the third's", beside)
		}
		_ = one.conn.Close()
		synctest.Wait()
		if again := p.watch("", ""); again.was() != http.StatusOK {
			t.Errorf("after one has left, the next is answered %d", again.was())
		}
		p.end()
		p.visitors.mu.Lock()
		defer p.visitors.mu.Unlock()
		if p.visitors.streams != 0 || p.open() != 0 {
			t.Errorf("when all have left, %d places are taken and %d count as streams", p.open(), p.visitors.streams)
		}
	})
}

// When presence ends there is nothing to watch, and a stream that only beat would
// say that nobody comes or goes.
func TestStreamEndsWithPresence(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		s := p.watch("", "")
		p.watching.change(func() { p.watching.ended = true })
		time.Sleep(streamPace)
		if !s.isOver() {
			t.Error("the stream goes on")
		}
	})
}

// open is how many watch.
func (p *pipeServer) open() int {
	p.watchers.mu.Lock()
	defer p.watchers.mu.Unlock()
	return p.watchers.open
}

// end ends all streams, as presence would, and begins it anew.
func (p *pipeServer) end() {
	p.watching.change(func() { p.watching.ended = true })
	time.Sleep(streamPace)
	synctest.Wait()
	p.watching.change(func() { p.watching.ended = false })
}
