package transport

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// A server that drains must not write a long snapshot to its end first: each part
// of it may wait for a watcher who does not read.
func TestSnapshotEndsBetweenItsPartsWhenTheServerDrains(t *testing.T) {
	w := httptest.NewRecorder()
	ctx, drain := context.WithCancel(t.Context())
	s := &stream{
		server:  &Server{config: Config{Watching: crowdWatching{drain}}},
		call:    &call{Request: httptest.NewRequest(http.MethodGet, "/", nil), w: w},
		control: http.NewResponseController(w), checked: time.Now(),
	}
	if err := s.snapshot(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the snapshot ended with %v", err)
	}
	if w.Body.Len() != 0 {
		t.Errorf("%d bytes were written behind the drain", w.Body.Len())
	}
}

// Whoever reads a little now and then is too slow for a snapshot, at its minute.
func TestSnapshotHasAMinute(t *testing.T) {
	s := &stream{checked: time.Now()}
	if err := s.goesOn(t.Context(), time.Now()); err != nil {
		t.Errorf("a snapshot that has just begun ends with %v", err)
	}
	if err := s.goesOn(t.Context(), time.Now().Add(-snapshotTime-time.Second)); !errors.Is(err, errSlowSnapshot) {
		t.Errorf("a snapshot of a minute ends with %v", err)
	}
}

// crowdWatching has a snapshot of several parts, and drains as it is read.
type crowdWatching struct{ drain context.CancelFunc }

func (c crowdWatching) Watch(context.Context) (rollcall.Snapshot, rollcall.Watch, error) {
	const users = 3 * snapshotPart
	var all iter.Seq[rollcall.Entry] = func(yield func(rollcall.Entry) bool) {
		c.drain()
		for n := range users {
			if !yield(rollcall.Entry{Email: rollcall.Email(fmt.Sprintf("user%d@example.com", n))}) {
				return
			}
		}
	}
	return rollcall.Snapshot{Count: users, Entries: all}, nil, nil
}

func (crowdWatching) Resume(context.Context, string) (rollcall.Watch, error) {
	return nil, rollcall.ErrFellBehind
}
