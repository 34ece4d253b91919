package transport

import (
	"context"
	"errors"

	"github.com/rollcall/rollcall"
)

// open begins with the event behind that which the watcher knows, or with a
// snapshot.
func (t *stream) open(ctx context.Context) (err error) {
	id := t.call.Header.Get("Last-Event-ID")
	if id == "" {
		id, _ = t.call.parameter("last_event_id")
	}
	if id == "" {
		return t.snapshot(ctx, nil)
	}
	ctx, cancel := context.WithTimeout(ctx, presenceTimeout)
	defer cancel()
	t.watch, err = t.server.config.Watching.Resume(ctx, id)
	switch {
	case errors.Is(err, rollcall.ErrFellBehind):
		t.watch = forgotten{}
	case err != nil:
		return err
	}
	t.behind = true
	return t.write(ctx, nil)
}

// forgotten is the watch of whoever wants to go on from what is not kept.
type forgotten struct{}

// Next implements [rollcall.Watch].
func (forgotten) Next(context.Context, int) ([]rollcall.Event, error) {
	return nil, rollcall.ErrFellBehind
}

// ID implements [rollcall.Watch].
func (forgotten) ID() string { return "" }

// catchUp tells a batch of what was missed, and behind the last the place to go on
// from: by a block with nothing else a watcher knows that this was all.
func (t *stream) catchUp(ctx context.Context) error {
	over, end := context.WithCancel(ctx)
	end() // what there is, and no more
	events, err := t.watch.Next(over, streamBatch)
	if errors.Is(err, rollcall.ErrFellBehind) {
		return t.reset(ctx)
	}
	if err := t.tell(ctx, events); err != nil {
		return err
	}
	if t.behind = len(events) == streamBatch; t.behind {
		return nil
	}
	t.passed = ""
	return t.write(ctx, []byte("id: "+t.watch.ID()+"\n\n"))
}

// reset begins anew. The ID is taken back: whoever is cut off now must not go on from it.
func (t *stream) reset(ctx context.Context) error {
	t.behind = false
	return t.snapshot(ctx, []byte("event: reset\nid:\ndata: {}\n\n"))
}
