package transport

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// streamPath is where watchers come to.
	streamPath = "/presence/stream"
	// streamPace is how long a stream waits after a write: what happens meanwhile
	// leaves in the next one. A thousand watchers are so at most ten thousand writes
	// a second, however much happens.
	streamPace = 100 * time.Millisecond
	// streamBatch is how many events one write may have: what a slow watcher holds is
	// these, or a part of a snapshot.
	streamBatch = 256
	// streamTimeout is how long one write may take; then the watcher is too slow, and
	// cut off. streamBuffer is what the kernel takes before a write has to wait.
	streamTimeout = 10 * time.Second
	streamBuffer  = 128 << 10
	// partingTime is how much of that is left when the stream has to end: a drain does
	// not wait for who does not read.
	partingTime = 500 * time.Millisecond
	// streamBeat is the longest silence, since proxies close what is silent. The
	// watcher's token is looked at again as often.
	streamBeat = 15 * time.Second
	// retryLeast and retryMost bound when a watcher comes again whose stream ended:
	// each at another time, so that not all come at once.
	retryLeast, retryMost = time.Second, 5 * time.Second
)

// errRevoked ends the stream of whoever may not ask any more.
var errRevoked = errors.New("the token is not good any more")

// streamTexts lends what a stream writes into: an idle one holds nothing.
var streamTexts = sync.Pool{New: func() any { return new([]byte) }}

// stream is what happens, told to one watcher.
type stream struct {
	server  *Server
	call    *call
	control *http.ResponseController
	watch   rollcall.Watch
	only    map[rollcall.Email]struct{} // nil: everybody
	begun   bool                        // the head of the answer is sent
	behind  bool                        // it goes on from an event, and what was missed is not told yet
	passed  string                      // the last event that was read, if it was not told
	spoke   time.Time                   // when something was last written
	checked time.Time                   // when the token was last looked at
	pause   *time.Timer                 // behind a write
	// patience ends when something is due, or would have been if nothing had been written
	// since it began: a new one for each write is a tenth of what a stream costs.
	patience  context.Context
	impatient context.CancelFunc
}

// stream answers with server-sent events until the watcher goes, or has to.
func (s *Server) stream(c *call) (any, error) {
	switch {
	case s.config.Watching == nil:
		return nil, errAbsent
	case c.ContentLength != 0:
		return nil, badValue("body", "has no use here")
	}
	t := &stream{server: s, call: c, control: http.NewResponseController(c.w)}
	if err := t.choose(); err != nil {
		return nil, err
	}
	if !s.watchers.enter() {
		return nil, problem{http.StatusServiceUnavailable, "Too many watchers."}
	}
	defer s.watchers.leave()
	defer s.visitors.watch(c.Context())()
	ctx, cancel := s.watchers.lifetime(c.Context())
	defer cancel()
	defer context.AfterFunc(ctx, func() { t.limit(partingTime) })()
	err := t.run(ctx)
	if !t.begun {
		return nil, fmt.Errorf("beginning to watch: %w", err)
	}
	s.config.Logger.Debug("stream ended", "error", err)
	return nil, nil
}

// choose reads whom the watcher wants to hear of.
func (t *stream) choose() error {
	list, err := t.call.emails("emails")
	if err != nil || list == nil {
		return err
	}
	t.only = make(map[rollcall.Email]struct{}, len(list))
	for _, e := range list {
		t.only[t.spelling(e)] = struct{}{}
	}
	return nil
}

// spelling is the one under which an e-mail is compared.
func (t *stream) spelling(e rollcall.Email) rollcall.Email {
	if t.server.config.FoldCase {
		return e.Fold()
	}
	return e
}

func (t *stream) wants(e rollcall.Email) bool {
	if t.only == nil {
		return true
	}
	_, wanted := t.only[t.spelling(e)]
	return wanted
}

// run tells everything, until the watcher goes or has to.
func (t *stream) run(ctx context.Context) error {
	t.checked = time.Now()
	t.pause = time.NewTimer(streamPace)
	defer t.pause.Stop()
	err := t.open(ctx)
	for err == nil {
		err = t.step(ctx)
	}
	if t.impatient != nil {
		t.impatient()
	}
	return err
}

// step tells what happens next, or says that it is still there.
func (t *stream) step(ctx context.Context) error {
	if err := t.check(ctx); err != nil {
		return err
	}
	if t.behind {
		return t.catchUp(ctx)
	}
	if t.patience == nil || t.patience.Err() != nil {
		t.patience, t.impatient = context.WithDeadline(ctx, t.due())
	}
	events, err := t.watch.Next(t.patience, streamBatch)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, rollcall.ErrFellBehind):
		return t.reset(ctx)
	case err != nil && t.patience.Err() == nil:
		return fmt.Errorf("watching: %w", err)
	case err != nil && time.Since(t.spoke) < streamBeat: // it has spoken since the patience began
		return nil
	}
	if err := t.tell(ctx, events); err != nil {
		return err
	}
	t.pause.Reset(streamPace)
	select {
	case <-t.pause.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// due is when the stream has to speak, or to look at the token: whichever is first,
// or one that spoke just before would look a whole beat too late.
func (t *stream) due() time.Time {
	if t.checked.Before(t.spoke) {
		return t.checked.Add(streamBeat)
	}
	return t.spoke.Add(streamBeat)
}

// tell writes those of the events that the watcher wants, and now and then that
// there were none.
func (t *stream) tell(ctx context.Context, events []rollcall.Event) error {
	if t.only == nil && len(events) > 0 {
		return t.write(ctx, t.server.written.text(events))
	}
	text := streamTexts.Get().(*[]byte)
	defer streamTexts.Put(text)
	b := (*text)[:0]
	for _, e := range events {
		if t.passed = e.ID; t.wants(e.Entry.Email) {
			b = appendEvent(b, e)
		}
	}
	switch quiet := len(b) == 0 && time.Since(t.spoke) >= streamBeat; {
	case quiet && t.passed != "": // what is kept moves on, and so must the place to go on from
		b = append(append(append(b, "id: "...), t.passed...), "\n\n"...)
	case quiet:
		b = append(b, ":\n\n"...)
	}
	*text = b
	if len(b) == 0 {
		return nil
	}
	t.passed = ""
	return t.write(ctx, b)
}

// check looks whether the watcher may still ask. While nobody can say, it may.
func (t *stream) check(ctx context.Context) error {
	if time.Since(t.checked) < streamBeat {
		return nil
	}
	t.checked = time.Now()
	ctx, cancel := context.WithTimeout(ctx, tokenPatience)
	defer cancel()
	token, _ := tokenOf(t.call.Header)
	holder, found, err := t.server.tokens.holder(ctx, rollcall.HashToken(token))
	if err == nil && (!found || !holder.Active) {
		return errRevoked
	}
	return nil
}

// limit bounds the write that is under way, or comes next.
func (t *stream) limit(most time.Duration) {
	_ = t.control.SetWriteDeadline(time.Now().Add(most)) // fails on what is closed
}

// write sends some text, and the head of the answer before the first.
func (t *stream) write(ctx context.Context, text []byte) error {
	t.limit(streamTimeout)
	if ctx.Err() != nil { // or the shorter limit of one that ends would be gone
		return context.Cause(ctx)
	}
	if !t.begun {
		t.begun = true
		h := t.call.w.Header()
		h.Set("Content-Type", "text/event-stream")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Accel-Buffering", "no") // nginx would keep what is small
		// The end of a stream is that of its connection. In chunks each write would be
		// three: the size and the beginning, the rest, and the end of the line.
		h.Set("Transfer-Encoding", "identity")
		t.call.w.WriteHeader(http.StatusOK)
		retry := retryLeast + rand.N(retryMost-retryLeast)
		if _, err := fmt.Fprintf(t.call.w, "retry: %d\n\n", retry.Milliseconds()); err != nil {
			return fmt.Errorf("writing to a watcher: %w", err)
		}
	}
	t.spoke = time.Now()
	if _, err := t.call.w.Write(text); err != nil {
		return fmt.Errorf("writing to a watcher: %w", err)
	}
	if err := t.control.Flush(); err != nil {
		return fmt.Errorf("writing to a watcher: %w", err)
	}
	return nil
}
