package actortest

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/rollcall/rollcall"
)

// readTime is longer than what happens takes to reach a watcher.
const readTime = 200 * time.Millisecond

// Watcher keeps the list of who is here as a client would: from one snapshot, and
// the events behind it.
type Watcher struct {
	Entries map[rollcall.Email]rollcall.Entry
	Events  []rollcall.Event
	Fell    int // how often it fell behind, and took a new snapshot
	kit     *Kit
	watch   rollcall.Watch
}

// Watch begins to watch.
func (k *Kit) Watch() *Watcher {
	k.Helper()
	w := &Watcher{kit: k}
	w.begin()
	return w
}

func (w *Watcher) begin() {
	w.kit.Helper()
	ctx, cancel := context.WithTimeout(w.kit.Context(), ConnectTimeout)
	defer cancel()
	s, watch, err := w.kit.Presence.Watch(ctx)
	if err != nil {
		w.kit.Fatalf("nothing to watch: %v", err)
	}
	w.watch, w.Entries = watch, make(map[rollcall.Email]rollcall.Entry)
	for e := range s.Entries {
		w.Entries[e.Email] = e
	}
}

// Read takes in what has happened so far.
func (w *Watcher) Read() {
	w.kit.Helper()
	for {
		ctx, cancel := context.WithTimeout(w.kit.Context(), readTime)
		events, err := w.watch.Next(ctx, 100)
		cancel()
		switch {
		case errors.Is(err, rollcall.ErrFellBehind):
			w.Fell++
			w.begin()
		case err != nil:
			return
		}
		for _, e := range events {
			w.take(e)
		}
	}
}

// take checks that an event follows from those before it.
func (w *Watcher) take(e rollcall.Event) {
	w.kit.Helper()
	w.Events = append(w.Events, e)
	if _, here := w.Entries[e.Entry.Email]; here == (e.Kind == rollcall.EventJoin) {
		w.kit.Errorf("a %s of %s, who is listed: %v", e.Kind, e.Entry.Email, here)
	}
	if e.Kind == rollcall.EventLeave {
		delete(w.Entries, e.Entry.Email)
	} else {
		w.Entries[e.Entry.Email] = e.Entry
	}
}

// WantAgreement checks that the watcher's list is that of a snapshot taken now.
func (w *Watcher) WantAgreement() {
	w.kit.Helper()
	time.Sleep(readTime + time.Second) // activity may wait for so long
	w.Read()
	if now := w.kit.Snapshot(); !maps.Equal(w.Entries, now) {
		w.kit.Errorf("the watcher lists %v, and the snapshot %v", w.Entries, now)
	}
}
