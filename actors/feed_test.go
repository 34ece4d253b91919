package actors

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
)

// joins feeds so many joins, of numbered users.
func joins(f *feed, from, to int) {
	for n := from; n < to; n++ {
		f.add(rollcall.Event{Kind: rollcall.EventJoin, Entry: rollcall.Entry{Email: numbered(n)}})
	}
}

func numbered(n int) rollcall.Email { return rollcall.Email(fmt.Sprintf("user%d@example.com", n)) }

// wantJoins checks that the watcher reads exactly these joins, and then nothing.
func wantJoins(t *testing.T, w *watcher, from, to int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for n := from; n < to; {
		events, err := w.Next(ctx, 1000)
		if err != nil {
			t.Fatalf("instead of join %d: %v", n, err)
		}
		for _, e := range events {
			if e.Entry.Email != numbered(n) {
				t.Fatalf("the event is of %s, want %s", e.Entry.Email, numbered(n))
			}
			n++
		}
	}
	cancel()
	if events, err := w.Next(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("behind the last join are %d events, and the error %v", len(events), err)
	}
}

// A watcher who does not read must cost nothing that grows: it is told when what it
// has not read is gone, and one that is a single event less late reads everything.
func TestWatcherFallsBehindWhenItsEventsAreNotKept(t *testing.T) {
	f := newFeed(newWindow())
	w := &watcher{window: f.window, position: f.watch(time.Now())}
	slow := &watcher{window: f.window, position: w.position}
	joins(f, 0, mostKept)
	f.show(time.Now())
	wantJoins(t, w, 0, mostKept)
	joins(f, mostKept, mostKept+1)
	f.show(time.Now())
	if _, err := slow.Next(t.Context(), 1); !errors.Is(err, rollcall.ErrFellBehind) {
		t.Errorf("the slow watcher was told %v", err)
	}
	wantJoins(t, w, mostKept, mostKept+1)
	if most := mostKept / chunkSize; len(f.chunks) != most {
		t.Errorf("%d chunks are kept, want %d", len(f.chunks), most)
	}
}

// Two watchers share what they read: what one does with it must not reach the other.
func TestReadEventsCannotBeAppendedInto(t *testing.T) {
	f := newFeed(newWindow())
	position := f.watch(time.Now())
	joins(f, 0, 2)
	f.show(time.Now())
	first, err := f.window.stretch.Load().after(position, 1)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(first, rollcall.Event{})
	wantJoins(t, &watcher{window: f.window, position: position}, 0, 2)
}

// Nobody watches most servers, and those keep no events: who was here must not
// stay in memory, and a mass disconnect must not cost it.
func TestFeedKeepsNothingForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(newWindow())
		joins(f, 0, 10)
		if f.show(time.Now()); len(f.chunks) != 0 {
			t.Error("events are kept, and nobody has ever watched")
		}
		time.Sleep(time.Second)
		f.window.ask()
		w := &watcher{window: f.window, position: f.watch(time.Now())}
		joins(f, 10, 20)
		f.show(time.Now())
		time.Sleep(keptFor - 1)
		if f.age(time.Now()); len(f.chunks) != 1 {
			t.Error("the events of a moment ago are gone")
		}
		time.Sleep(time.Nanosecond)
		f.age(time.Now())
		joins(f, 20, 21)
		f.show(time.Now())
		if len(f.chunks) != 0 {
			t.Errorf("%d chunks are kept, and nobody has asked for %s", len(f.chunks), keptFor)
		}
		if _, err := w.Next(t.Context(), 1); !errors.Is(err, rollcall.ErrFellBehind) {
			t.Errorf("who has not read for %s was told %v", keptFor, err)
		}
	})
}

// Who waits watches, however long nothing happens.
func TestWaitingWatcherIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(newWindow())
		w := &watcher{window: f.window, position: f.watch(time.Now())}
		done := make(chan struct{})
		go func() {
			defer close(done)
			wantJoins(t, w, 0, 1)
		}()
		time.Sleep(100 * keptFor)
		f.age(time.Now())
		joins(f, 0, 1)
		f.publish(time.Now())
		<-done
	})
}

// After a storm its events must not stay in memory for as long as anybody watches.
func TestEventsGoWhenTheyAreOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(newWindow())
		f.watch(time.Now())
		for range 3 {
			joins(f, 0, chunkSize)
			f.show(time.Now())
			time.Sleep(keptFor / 2)
			f.window.ask()
			f.age(time.Now())
		}
		if len(f.chunks) != 1 || f.chunks[0].first != 2*chunkSize+1 {
			t.Errorf("%d chunks are kept, want the newest", len(f.chunks))
		}
	})
}

// A storm wakes a watcher at most once in publishEvery, and who comes into a quiet
// time is told at once.
func TestStormWakesWatchersAtItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFeed(newWindow())
		f.watch(time.Now())
		shown := 0
		for n := range 1000 {
			before := f.window.stretch.Load()
			joins(f, n, n+1)
			f.publish(time.Now())
			if f.window.stretch.Load() != before {
				shown++
			} else if n == 0 {
				t.Error("the first event is not shown at once")
			}
			time.Sleep(time.Millisecond)
		}
		if want := int(time.Second / publishEvery); shown != want {
			t.Errorf("watchers were woken %d times in a second, want %d", shown, want)
		}
	})
}

// Many active users must not push out who joined and left: each is told in turn.
func TestActivityIsToldInTurns(t *testing.T) {
	l := newListing(newFeed(newWindow()))
	position := l.feed.watch(time.Now())
	for n := range 3 * mostActivity / 2 {
		u := &user{entry: entry{email: numbered(n), lastActivity: 1}}
		l.join(u, 1)
		for range 10 {
			u.lastActivity++
			l.touch(u)
		}
	}
	joined := l.feed.end
	l.tellActivity()
	if told := l.feed.end - joined; told != mostActivity {
		t.Errorf("%d users' activity is told at a time, want %d", told, mostActivity)
	}
	l.tellActivity()
	l.tellActivity()
	if told := l.feed.end - joined; told != 3*mostActivity/2 {
		t.Errorf("activity was told %d times, want once for each of %d users", told, 3*mostActivity/2)
	}
	l.feed.show(time.Now())
	if _, err := l.feed.window.stretch.Load().after(position, 1); err != nil {
		t.Error(err)
	}
}

// Those who come, speak and go must not pile up before those who are here and
// whose activity is to be told.
func TestActivityOfThoseWhoLeftIsForgotten(t *testing.T) {
	f := newFeed(newWindow())
	l := newListing(f)
	now := time.Now()
	f.watch(now)
	for second := range 100 {
		at := momentOf(now.Add(time.Duration(second) * time.Second))
		for n := range 2 * mostActivity {
			u := &user{entry: entry{numbered(second*2*mostActivity + n), at, at}}
			l.join(u, at)
			u.lastActivity++
			l.touch(u)
			l.leave(u, "closed", at+2)
		}
		l.tellActivity()
	}
	if len(l.moved) != 0 {
		t.Errorf("%d users wait for their activity to be told, and nobody is here", len(l.moved))
	}
}

// The event that fills a chunk is as young as any other, and kept as long.
func TestEventThatFillsAChunkIsKept(t *testing.T) {
	w := newWindow()
	f := newFeed(w)
	now := time.Now()
	f.watch(now)
	joins(f, 0, chunkSize-1)
	f.show(now)
	w.readers.Add(1)
	later := now.Add(keptFor - time.Second)
	joins(f, chunkSize-1, chunkSize+1) // fills the chunk, and opens the next
	f.show(later)
	f.age(later.Add(time.Second))
	f.show(later.Add(time.Second))
	if _, err := w.stretch.Load().after(chunkSize-1, 10); err != nil {
		t.Errorf("an event of a second ago: %v", err)
	}
}
