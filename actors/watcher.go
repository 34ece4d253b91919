package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rollcall/rollcall"
)

// window is where watchers look at the feed, without a word to the registry. They
// leave there that they do, so that nothing is made for nobody.
type window struct {
	life    string // a word that no other life of a server has
	began   time.Time
	stretch atomic.Pointer[stretch]
	readers atomic.Int64 // who are reading or waiting now
	asked   atomic.Int64 // how long after the beginning somebody last did; 0 is never
}

func newWindow() *window {
	w := &window{life: strconv.FormatUint(rand.Uint64(), 36), began: time.Now()}
	w.stretch.Store(&stretch{first: 1, over: make(chan struct{})})
	return w
}

// wanted reports whether anybody watches, or did until a moment ago.
func (w *window) wanted(now time.Time) bool {
	asked := w.asked.Load()
	return w.readers.Load() > 0 || asked > 0 && now.Sub(w.began)-time.Duration(asked) < keptFor
}

// ask notes that somebody watches.
func (w *window) ask() { w.asked.Store(int64(max(time.Since(w.began), 1))) }

// id names an event.
func (w *window) id(number uint64) string { return w.life + "-" + strconv.FormatUint(number, 10) }

// position finds the place of a named event.
func (w *window) position(id string) (uint64, bool) {
	life, number, _ := strings.Cut(id, "-")
	position, err := strconv.ParseUint(number, 10, 64)
	return position, err == nil && life == w.life
}

// watcher is one reading of the feed. It holds no event, only how far it has read.
type watcher struct {
	window   *window
	position uint64 // of the last event that was returned
	stopped  <-chan struct{}
}

// Next implements [rollcall.Watch].
func (w *watcher) Next(ctx context.Context, most int) ([]rollcall.Event, error) {
	w.window.readers.Add(1)
	defer func() {
		w.window.ask() // first: in between nobody would seem to watch
		w.window.readers.Add(-1)
	}()
	for {
		now := w.window.stretch.Load()
		events, err := now.after(w.position, most)
		if err != nil || len(events) > 0 {
			w.position += uint64(len(events))
			return events, err
		}
		select {
		case <-now.over:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for what happens: %w", context.Cause(ctx))
		case <-w.stopped:
			return nil, fmt.Errorf("waiting for what happens: %w", errStopped)
		}
	}
}

// ID implements [rollcall.Watch].
func (w *watcher) ID() string { return w.window.id(w.position) }

// Watch implements [rollcall.Watching].
func (p *Presence) Watch(ctx context.Context) (rollcall.Snapshot, rollcall.Watch, error) {
	p.window.ask()
	v, err := ask(ctx, p, func(answer chan<- View) any { return &Watch{Answer: answer} })
	if err != nil {
		return rollcall.Snapshot{}, nil, fmt.Errorf("asking the registry what happens: %w", err)
	}
	return v.Snapshot, p.watcher(v.Position), nil
}

// Resume implements [rollcall.Watching].
func (p *Presence) Resume(_ context.Context, id string) (rollcall.Watch, error) {
	p.window.ask()
	position, ours := p.window.position(id)
	if !ours {
		return nil, rollcall.ErrFellBehind
	}
	if _, err := p.window.stretch.Load().after(position, 1); err != nil {
		return nil, err
	}
	return p.watcher(position), nil
}

func (p *Presence) watcher(position uint64) *watcher {
	return &watcher{window: p.window, position: position, stopped: p.done}
}
