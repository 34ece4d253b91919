package actors

import (
	"slices"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// mostKept bounds the events that are kept for whoever reads them later. With
	// one more the oldest chunk goes, and a watcher who has not read it is told that
	// it fell behind.
	mostKept = 256 * chunkSize
	// chunkSize is how many events are kept, and dropped, together.
	chunkSize = 256
	// keptFor is how long events are kept, and how long after somebody has asked for
	// some they are made at all. Whoever comes again later takes a new snapshot.
	keptFor = 2 * time.Minute
	// publishEvery is how long watchers are left asleep after they were woken, if a
	// tick does not come first: a storm wakes a thousand of them twenty times a
	// second and not for each of its events.
	publishEvery = 50 * time.Millisecond
)

// feed is what happens, in the order of the roster's steps, for those who watch.
// It is the registry's: nobody else writes into it. Watchers read what has been
// published at the window, which never changes under their eyes.
type feed struct {
	window *window
	wanted bool   // somebody watches, or did until a moment ago
	end    uint64 // the number of the newest event
	chunks []*chunk
	shown  time.Time // when the newest publication was
	fresh  bool      // there is something to publish
}

// chunk is some consecutive events. Watchers read those that were published, while
// the registry writes the others.
type chunk struct {
	first  uint64 // the number of its first event
	events [chunkSize]rollcall.Event
	newest time.Time // when its last event was published; the registry's alone
}

func (c *chunk) published() bool { return !c.newest.IsZero() }

// stretch is the events that are kept, as they stand at one publication.
type stretch struct {
	first  uint64 // the number of the oldest that is kept
	end    uint64 // of the newest; first-1 if none is kept
	chunks []*chunk
	over   chan struct{} // is closed when there is a newer stretch
}

func newFeed(w *window) *feed { return &feed{window: w} }

// add makes an event of what happened, unless nobody watches: then it only counts.
func (f *feed) add(e rollcall.Event) {
	f.end++
	f.fresh = true
	if !f.wanted {
		return
	}
	var last *chunk
	if n := len(f.chunks); n > 0 {
		last = f.chunks[n-1]
	}
	if last == nil || f.end-last.first == chunkSize {
		last = &chunk{first: f.end}
		f.chunks = append(slices.Clone(f.chunks), last) // watchers have the old list
	}
	e.ID = f.window.id(f.end)
	last.events[f.end-last.first] = e
	if len(f.chunks) > mostKept/chunkSize {
		f.chunks = f.chunks[1:]
	}
}

// publish shows watchers what was added, if it is time to wake them.
func (f *feed) publish(now time.Time) {
	if f.fresh && now.Sub(f.shown) >= publishEvery {
		f.show(now)
	}
}

// show publishes at once.
func (f *feed) show(now time.Time) {
	f.fresh, f.shown = false, now
	next := &stretch{first: f.end + 1, end: f.end, chunks: f.chunks, over: make(chan struct{})}
	if len(f.chunks) > 0 {
		next.first = f.chunks[0].first
	}
	before := f.window.stretch.Swap(next)
	for _, c := range slices.Backward(f.chunks) {
		if c.published() && c.first+chunkSize-1 <= before.end { // nothing in it is new
			break
		}
		c.newest = now
	}
	close(before.over)
}

// quiet reports whether nobody is to be told anything.
func (f *feed) quiet() bool { return !f.wanted && !f.fresh }

// age drops the events that were kept for long enough, and all of them when nobody
// has asked for any in all that time.
func (f *feed) age(now time.Time) {
	f.wanted = f.window.wanted(now)
	old := 0
	for old < len(f.chunks) && (!f.wanted || f.chunks[old].published() && now.Sub(f.chunks[old].newest) >= keptFor) {
		old++
	}
	if old > 0 {
		f.chunks = slices.Clone(f.chunks[old:])
		f.fresh = true
	}
}

// watch answers where a watcher stands that has seen everything until now.
func (f *feed) watch(now time.Time) (position uint64) {
	f.wanted = true
	if f.fresh {
		f.show(now)
	}
	return f.end
}

// after returns what follows a position, in order: at most so many, and all of one
// chunk. What it returns is shared by all who ask.
func (s *stretch) after(position uint64, most int) ([]rollcall.Event, error) {
	switch {
	case position == s.end:
		return nil, nil
	case position > s.end || position+1 < s.first:
		return nil, rollcall.ErrFellBehind
	}
	// All chunks but the last are full.
	c := s.chunks[(position+1-s.first)/chunkSize]
	from := int(position + 1 - c.first)
	to := min(from+most, int(min(s.end+1-c.first, chunkSize)))
	return c.events[from:to:to], nil
}
