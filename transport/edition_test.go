package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/rollcall/rollcall"
)

// Who asks while a list is being written must neither read that one, which may
// be older than the question, nor have one written for themselves.
func TestThoseWhoAskDuringAWritingShareTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPresence{hold: make(chan struct{})}
		e := newEditions(p, slog.New(slog.DiscardHandler))
		p.join("early@example.com")
		first := readLater(t.Context(), e, &query{})
		synctest.Wait() // it is being written now
		p.join("late@example.com")
		var rest []<-chan reading
		for n := range 100 {
			rest = append(rest, readLater(t.Context(), e, &query{gzip: n%2 == 0}))
		}
		synctest.Wait()
		if p.asked != 1 || p.written != 1 {
			t.Fatalf("during the first writing the registry was asked %d times, and %d were begun", p.asked, p.written)
		}
		close(p.hold)
		if r := <-first; r.err != nil || bytes.Contains(r.text.plain, []byte("late@")) {
			t.Errorf("the first reads %s, %v", r.text.plain, r.err)
		}
		shared := <-rest[0]
		for _, c := range rest[1:] {
			if r := <-c; r.err != nil || &r.text.plain[0] != &shared.text.plain[0] || !bytes.Contains(r.text.plain, []byte("late@")) {
				t.Fatalf("one of the rest reads %s, %v", r.text.plain, r.err)
			}
		}
		if p.asked != 2 || p.written != 2 {
			t.Errorf("the registry was asked %d times, and %d lists were written, want 2 and 2", p.asked, p.written)
		}
	})
}

// Whoever has changed something and asks then finds it in the list, however many
// others change and ask at the same time.
func TestEverybodyFindsTheirOwnChange(t *testing.T) {
	p := &slowPresence{}
	e := newEditions(p, slog.New(slog.DiscardHandler))
	var all sync.WaitGroup
	for who := range 8 {
		all.Go(func() {
			for n := range 50 {
				email := rollcall.Email(fmt.Sprintf("user%d.%d@example.com", who, n))
				p.join(email)
				if list, err := e.read(t.Context(), &query{}); err != nil || !bytes.Contains(list.text.plain, []byte(email)) {
					t.Errorf("%s is not listed: %v", email, err)
				}
			}
		})
	}
	all.Wait()
}

// A list that has not changed costs a look at its number, and gzip is made when
// the first one wants it.
func TestUnchangedListIsNotWrittenAgain(t *testing.T) {
	p := &slowPresence{}
	e := newEditions(p, slog.New(slog.DiscardHandler))
	for n := range 50 {
		p.join(rollcall.Email(fmt.Sprintf("user%d@example.com", n)))
	}
	before := read(t, e, &query{})
	if before.text.zipped != nil {
		t.Error("gzip was made, and nobody wanted it")
	}
	zipped := read(t, e, &query{gzip: true})
	again := read(t, e, &query{gzip: true})
	if p.written != 1 || &again.text.plain[0] != &before.text.plain[0] || &again.text.zipped[0] != &zipped.text.zipped[0] {
		t.Errorf("the same list was written %d times", p.written)
	}
	p.join("another@example.com")
	if after := read(t, e, &query{}); p.written != 2 || after.tag == before.tag || after.text.zipped != nil {
		t.Errorf("after a change %d lists were written, and the tag is %s after %s", p.written, after.tag, before.tag)
	}
}

// A client that has the list already waits for nobody else's, and if all have
// it, nothing is written.
func TestWhoHasTheListDoesNotWaitForItsWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPresence{hold: make(chan struct{})}
		e := newEditions(p, slog.New(slog.DiscardHandler))
		known := []string{e.tags.tag(0)}
		if list := read(t, e, &query{ifNoneMatch: known}); list.tag != known[0] || p.written != 0 {
			t.Fatalf("the tag is %s, and %d lists were written", list.tag, p.written)
		}
		first := readLater(t.Context(), e, &query{})
		synctest.Wait() // it is being written now
		p.join("user@example.com")
		has := readLater(t.Context(), e, &query{ifNoneMatch: []string{e.tags.tag(1)}})
		lacks := readLater(t.Context(), e, &query{})
		synctest.Wait()
		p.hold <- struct{}{}
		<-first
		synctest.Wait()
		if len(has) != 1 || len(lacks) != 0 {
			t.Errorf("%d that had the list were answered, and %d that had not", len(has), len(lacks))
		}
		close(p.hold)
		<-lacks
	})
}

// A client that goes away in the middle takes nothing from those beside it.
func TestClientThatLeavesDisturbsNobodyWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPresence{hold: make(chan struct{})}
		e := newEditions(p, slog.New(slog.DiscardHandler))
		first := readLater(t.Context(), e, &query{})
		synctest.Wait()
		ctx, leave := context.WithCancel(t.Context())
		p.join("user@example.com") // so that there is something to be written
		leaving, staying := readLater(ctx, e, &query{}), readLater(t.Context(), e, &query{})
		synctest.Wait()
		p.hold <- struct{}{}
		<-first
		synctest.Wait() // theirs is being written now
		next, behind := readLater(ctx, e, &query{}), readLater(t.Context(), e, &query{})
		synctest.Wait()
		leave()
		synctest.Wait()
		if len(leaving) != 1 || len(next) != 1 || len(staying) != 0 || len(behind) != 0 {
			t.Error("those who left still wait, or others were answered with them")
		}
		if r := <-leaving; !errors.Is(r.err, context.Canceled) {
			t.Errorf("who left was told %v", r.err)
		}
		close(p.hold)
		for _, c := range []<-chan reading{staying, behind} {
			if r := <-c; r.err != nil {
				t.Errorf("who stayed was told %v", r.err)
			}
		}
	})
}

// A crash ends the edition that it is in: those who wait for that are told so at
// once, and those who come next have their list.
func TestCrashEndsOneEditionAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPresence{hold: make(chan struct{}), crash: true}
		e := newEditions(p, slog.New(slog.DiscardHandler))
		waiting := readLater(t.Context(), e, &query{})
		synctest.Wait()
		next := readLater(t.Context(), e, &query{})
		synctest.Wait()
		close(p.hold)
		if r := <-waiting; r.err == nil {
			t.Error("who waited for the crashed edition got a list")
		}
		if r := <-next; r.err != nil {
			t.Errorf("who waited for the next edition was told %v", r.err)
		}
	})
}

// slowPresence is a presence whose list is written when a test allows it.
type slowPresence struct {
	rollcall.Presence
	hold    chan struct{} // each writing takes from it first, unless it is nil
	crash   bool          // the first writing crashes
	silent  bool          // never answer
	asked   int           // how often
	written int           // how many lists were begun
	mu      sync.Mutex    // guards what follows
	entries []rollcall.Entry
}

func (p *slowPresence) join(email rollcall.Email) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.entries = append(p.entries, rollcall.Entry{Email: email})
}

func (p *slowPresence) Snapshot(ctx context.Context) (rollcall.Snapshot, error) {
	if p.silent {
		<-ctx.Done()
		return rollcall.Snapshot{}, ctx.Err()
	}
	p.mu.Lock()
	entries := slices.Clone(p.entries)
	p.mu.Unlock()
	p.asked++
	return rollcall.Snapshot{Version: uint64(len(entries)), Count: len(entries), Entries: func(yield func(rollcall.Entry) bool) {
		p.written++
		if p.hold != nil {
			<-p.hold
		}
		if p.crash && p.written == 1 {
			panic("no list")
		}
		slices.Values(entries)(yield)
	}}, nil
}

// Version has always to be asked for.
func (p *slowPresence) Version() (uint64, bool) { return 0, false }

// reading is what became of a query.
type reading struct {
	*edition
	err error
}

func readLater(ctx context.Context, e *editions, q *query) <-chan reading {
	c := make(chan reading, 1)
	go func() {
		list, err := e.read(ctx, q)
		c <- reading{list, err}
	}()
	return c
}

func read(t *testing.T, e *editions, q *query) *edition {
	t.Helper()
	list, err := e.read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A list that is known to be unchanged is sent without asking for it again; and
// not a moment longer than it is known.
func TestUnchangedListIsNotAskedFor(t *testing.T) {
	p := &stillPresence{fakePresence: newFakePresence("user@example.com")}
	e := newEditions(p, slog.New(slog.DiscardHandler))
	first := read(t, e, &query{gzip: true})
	p.known = true
	p.version = p.asked
	again := read(t, e, &query{})
	if p.asked != 1 || again.tag != first.tag || len(again.text.plain) == 0 {
		t.Errorf("the registry was asked %d times; the tag is %s after %s", p.asked, again.tag, first.tag)
	}
	q := &query{ifNoneMatch: []string{first.tag}}
	if read(t, e, q); !q.has || p.asked != 1 {
		t.Errorf("who has the list is answered %t, and the registry was asked %d times", q.has, p.asked)
	}
	p.known = false
	if next := read(t, e, &query{}); p.asked != 2 || next.tag == first.tag {
		t.Errorf("when it is not known the registry was asked %d times, and the tag is %s", p.asked, next.tag)
	}
}

// stillPresence numbers its snapshots by how often it was asked.
type stillPresence struct {
	*fakePresence
	asked, version uint64
	known          bool
}

func (p *stillPresence) Snapshot(ctx context.Context) (rollcall.Snapshot, error) {
	s, err := p.fakePresence.Snapshot(ctx)
	p.asked++
	s.Version = p.asked
	return s, err
}

func (p *stillPresence) Version() (uint64, bool) { return p.version, p.known }
