package rollcall

import (
	"context"
	"errors"
	"time"
)

// EventKind says what an event is about.
type EventKind string

// The kinds.
const (
	EventJoin     EventKind = "join"     // a user's first session came
	EventLeave    EventKind = "leave"    // the last one went
	EventActivity EventKind = "activity" // the user's last activity moved; several may be one
)

// Event is one change of who is here, as those who watch are told.
type Event struct {
	ID    string // names its place in the order of all, for who comes again
	Kind  EventKind
	Entry Entry     // as it stands after the event, and of a leave, as it stood last
	At    time.Time // of the event
	Cause string    // of a leave: what [Close.Cause] said of the user's last session
}

// ErrFellBehind means that what a watcher has not read is not kept any more: it
// must take a new snapshot, and watch from there.
var ErrFellBehind = errors.New("the events to go on from are not kept any more")

// Watch is one watcher's reading of what happens, at its own pace. It costs
// nothing while it is not read, and needs no end.
type Watch interface {
	// Next waits for events and returns those that there are, in order and at most
	// so many. Its errors are ErrFellBehind, and that the context or presence ended.
	Next(ctx context.Context, most int) ([]Event, error)
	// ID names the place to go on from: the event that was returned last, or, as long
	// as there was none, the instant of the snapshot.
	ID() string
}

// Watching is the part of presence that tells what changes.
type Watching interface {
	// Watch returns who is here, and what happens from that instant on.
	Watch(context.Context) (Snapshot, Watch, error)
	// Resume returns what happened after the event, or the snapshot, of that ID. It fails with
	// ErrFellBehind if that is not kept, or was never known here.
	Resume(ctx context.Context, id string) (Watch, error)
}
