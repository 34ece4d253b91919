package transport

import (
	"context"
	"sync"
)

// watchers is the places for streams, which end together.
type watchers struct {
	most int
	mu   sync.Mutex // guards what follows
	open int
	end  context.CancelFunc
	done context.Context // ends when no stream may go on
}

func newWatchers(most int) *watchers {
	w := &watchers{most: most}
	w.done, w.end = context.WithCancel(context.Background())
	return w
}

// enter takes a place, if there is one and streams may begin.
func (w *watchers) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.open >= w.most || w.done.Err() != nil {
		return false
	}
	w.open++
	return true
}

// leave gives it back.
func (w *watchers) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
}

// lifetime is how long the stream of a request may last.
func (w *watchers) lifetime(request context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(request)
	stop := context.AfterFunc(w.done, cancel)
	return ctx, func() { stop(); cancel() }
}
