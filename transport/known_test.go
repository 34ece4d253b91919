package transport

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// fakeReaching knows some users, and notes what it is told to do.
type fakeReaching struct {
	mu     sync.Mutex // guards what follows
	users  map[rollcall.Email]rollcall.UserState
	mute   bool // never answer in time
	frames []string
	to     [][]rollcall.Email
	all    []bool
	closes []rollcall.Close
}

// online makes a user be here, with so many sessions.
func (r *fakeReaching) online(e rollcall.Email, at time.Time, sessions int) {
	state := rollcall.UserState{Email: e, Online: true, Entry: rollcall.Entry{Email: e, ConnectedAt: at, LastActivity: at}}
	for range sessions {
		state.Sessions = append(state.Sessions, rollcall.SessionState{
			ID: uuid.Must(uuid.NewV7()), ConnectedAt: at, LastActivity: at, Address: "192.0.2.1:50000", UserAgent: "fake",
		})
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.users == nil {
		r.users = make(map[rollcall.Email]rollcall.UserState)
	}
	r.users[e] = state
}

func (r *fakeReaching) enter() (unlock func(), err error) {
	r.mu.Lock()
	if r.mute {
		err = context.DeadlineExceeded
	}
	return r.mu.Unlock, err
}

func (r *fakeReaching) Find(_ context.Context, emails []rollcall.Email) ([]rollcall.UserState, error) {
	unlock, err := r.enter()
	defer unlock()
	states := make([]rollcall.UserState, len(emails))
	for i, e := range emails {
		if states[i] = r.users[e]; !states[i].Online {
			states[i].Email = e
		}
	}
	return states, err
}

func (r *fakeReaching) Push(_ context.Context, to []rollcall.Email, everybody bool, frame []byte) (int, error) {
	unlock, err := r.enter()
	defer unlock()
	r.frames, r.to, r.all = append(r.frames, string(frame)), append(r.to, to), append(r.all, everybody)
	took := 0
	for e, state := range r.users {
		if everybody || slices.Contains(to, e) {
			took += len(state.Sessions)
		}
	}
	return took, err
}

func (r *fakeReaching) Disconnect(_ context.Context, e rollcall.Email, why rollcall.Close) (int, error) {
	unlock, err := r.enter()
	defer unlock()
	r.closes = append(r.closes, why)
	return len(r.users[e].Sessions), err
}

func (r *fakeReaching) DisconnectSession(_ context.Context, id rollcall.SessionID, why rollcall.Close) (bool, error) {
	unlock, err := r.enter()
	defer unlock()
	r.closes = append(r.closes, why)
	for _, state := range r.users {
		if slices.ContainsFunc(state.Sessions, func(s rollcall.SessionState) bool { return s.ID == id }) {
			return true, err
		}
	}
	return false, err
}

// fakeHistory is a database with some users in it.
type fakeHistory struct {
	mu     sync.Mutex // guards what follows
	users  []rollcall.Email
	seen   map[rollcall.Email]time.Time
	others map[rollcall.Email][]rollcall.SessionElsewhere
	page   rollcall.HistoryPage
	folds  bool // the case of letters does not matter
	asked  []rollcall.HistoryQuery
	away   bool // fail
	silent bool // answer nothing
	vague  bool // fail when asked who was last seen
	blind  bool // fail when asked who is elsewhere
	busy   int  // questions that are being answered
	most   int  // the most that were at a time
}

func (h *fakeHistory) enter(ctx context.Context) (leave func(), err error) {
	h.mu.Lock()
	silent, away := h.silent, h.away
	h.busy++
	h.most = max(h.most, h.busy)
	h.mu.Unlock()
	if silent {
		<-ctx.Done()
		err = ctx.Err()
	}
	if away {
		err = errors.New("the database is away")
	}
	h.mu.Lock()
	return func() { h.busy--; h.mu.Unlock() }, err
}

func (h *fakeHistory) History(ctx context.Context, q rollcall.HistoryQuery) (rollcall.HistoryPage, error) {
	leave, err := h.enter(ctx)
	defer leave()
	h.asked = append(h.asked, q)
	if q.After == "foreign" {
		return rollcall.HistoryPage{}, rollcall.ErrBadCursor
	}
	return h.page, err
}

func (h *fakeHistory) LastSeen(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]time.Time, error) {
	leave, err := h.enter(ctx)
	defer leave()
	if h.vague {
		return nil, errors.New("the database went away")
	}
	found := make(map[rollcall.Email]time.Time)
	for _, e := range emails {
		if at, ok := h.seen[e]; ok {
			found[e] = at
		}
	}
	return found, err
}

func (h *fakeHistory) Known(ctx context.Context, emails []rollcall.Email) (map[rollcall.Email]rollcall.Email, error) {
	leave, err := h.enter(ctx)
	defer leave()
	if err != nil {
		return nil, err
	}
	known := make(map[rollcall.Email]rollcall.Email)
	for _, e := range emails {
		same := func(u rollcall.Email) bool { return u == e || h.folds && u.Fold() == e.Fold() }
		if i := slices.IndexFunc(h.users, same); i >= 0 {
			known[e] = h.users[i]
		}
	}
	return known, nil
}

func (h *fakeHistory) Elsewhere(ctx context.Context, e rollcall.Email) ([]rollcall.SessionElsewhere, error) {
	leave, err := h.enter(ctx)
	defer leave()
	if h.blind {
		return nil, errors.New("the database went away")
	}
	return h.others[e], err
}

// fakeWatching is a log of events, of which the oldest may be forgotten.
type fakeWatching struct {
	mu        sync.Mutex // guards what follows
	here      []rollcall.Entry
	events    []rollcall.Event
	forgotten int           // how many of the events are not kept
	grown     chan struct{} // closed with the next event
	mute      bool          // never begin
	ended     bool
}

func newFakeWatching() *fakeWatching { return &fakeWatching{grown: make(chan struct{})} }

// happen adds events.
func (w *fakeWatching) happen(events ...rollcall.Event) {
	w.change(func() { w.events = append(w.events, events...) })
}

// change changes something that those who wait must see.
func (w *fakeWatching) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
	close(w.grown)
	w.grown = make(chan struct{})
}

func (w *fakeWatching) Watch(context.Context) (rollcall.Snapshot, rollcall.Watch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.mute {
		return rollcall.Snapshot{}, nil, context.DeadlineExceeded
	}
	here := slices.Clone(w.here)
	return rollcall.Snapshot{Count: len(here), Entries: slices.Values(here)}, &fakeWatch{w, len(w.events)}, nil
}

func (w *fakeWatching) Resume(_ context.Context, id string) (rollcall.Watch, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if id == beginning && w.forgotten == 0 {
		return &fakeWatch{w, 0}, nil
	}
	for i, e := range w.events {
		if e.ID == id && i+1 >= w.forgotten {
			return &fakeWatch{w, i + 1}, nil
		}
	}
	return nil, rollcall.ErrFellBehind
}

type fakeWatch struct {
	*fakeWatching
	read int
}

// beginning is the ID of the place before all events.
const beginning = "0"

func (w *fakeWatch) ID() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.read == 0 {
		return beginning
	}
	return w.events[w.read-1].ID
}

var errPresenceEnded = errors.New("presence has ended")

func (w *fakeWatch) Next(ctx context.Context, most int) ([]rollcall.Event, error) {
	for {
		w.mu.Lock()
		rest, grown := w.events[w.read:], w.grown
		behind, ended := w.read < w.forgotten, w.ended
		w.mu.Unlock()
		switch {
		case ended:
			return nil, errPresenceEnded
		case behind:
			return nil, rollcall.ErrFellBehind
		case len(rest) > 0:
			rest = rest[:min(most, len(rest))]
			w.read += len(rest)
			return rest, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
