package transport

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// snapshotTimeout is how long the REST query waits for the registry, which
	// answers in microseconds unless it has crashed; then it is answered 503.
	snapshotTimeout = 5 * time.Second
	// keepText is how long the bytes of the list are kept when nobody wants them;
	// then they go, and the next who does has them written again.
	keepText = 30 * time.Second
)

// editions writes the list for many requests at a time, as a commit serves many
// connects. A request joins the edition that has not begun; when the one in the
// works is done, the next asks who is here and serves everybody who has joined
// meanwhile. So no answer is older than its request, and however many ask, one
// list is written at a time. The bytes of an unchanged list are those of before.
type editions struct {
	presence rollcall.Presence
	log      *slog.Logger
	tags     tagger
	mu       sync.Mutex // guards what follows
	next     *edition   // that requests join, until it begins
	busy     bool       // a goroutine is making editions
	kept     text       // the last that was written
	used     time.Time  // when it was last wanted
	expiring bool       // a timer will look whether it still is
}

// edition is one look at who is online, for all who asked before it.
type edition struct {
	queries []*query
	known   chan struct{} // closed when the tag is set, and what each query has
	done    chan struct{} // closed when the text is set, or the error
	tag     string
	text    text
	err     error
}

// query is what one request wants.
type query struct {
	ifNoneMatch []string // the tags that the client has
	gzip        bool
	has         bool // one of them is the edition's; set when that is known
}

func newQuery(h http.Header) *query {
	return &query{ifNoneMatch: h["If-None-Match"], gzip: acceptsGzip(h)}
}

func newEditions(p rollcall.Presence, log *slog.Logger) *editions {
	return &editions{presence: p, log: log, tags: newTagger()}
}

// read returns an edition that began after the call. It has a text unless the
// client has that already. The error is that the client is gone, that the
// registry does not answer, or that the list could not be written.
func (e *editions) read(ctx context.Context, q *query) (*edition, error) {
	if same := e.unchanged(q); same != nil {
		return same, nil
	}
	mine := e.join(q)
	registry := time.NewTimer(snapshotTimeout)
	defer registry.Stop()
	select {
	case <-mine.known:
	case <-registry.C:
		return nil, fmt.Errorf("waiting for the list: %w", context.DeadlineExceeded)
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the list: %w", context.Cause(ctx))
	}
	if q.has {
		return mine, nil
	}
	select {
	case <-mine.done:
		return mine, mine.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for the list to be written: %w", context.Cause(ctx))
	}
}

// unchanged answers what needs no edition: the list is known not to have changed,
// and the client has it, or it is at hand.
func (e *editions) unchanged(q *query) *edition {
	version, known := e.presence.Version()
	if !known {
		return nil
	}
	same := &edition{tag: e.tags.tag(version)}
	if q.has = matches(q.ifNoneMatch, same.tag); q.has {
		return same
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept.version != version || e.kept.plain == nil || q.gzip && e.kept.zipped == nil {
		return nil
	}
	same.text, e.used = e.kept, time.Now()
	return same
}

// join makes a query part of the next edition.
func (e *editions) join(q *query) *edition {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next == nil {
		e.next = &edition{known: make(chan struct{}), done: make(chan struct{})}
	}
	e.next.queries = append(e.next.queries, q)
	if !e.busy {
		e.busy = true
		go e.run()
	}
	return e.next
}

// run makes editions until nobody asks.
func (e *editions) run() {
	for {
		e.mu.Lock()
		now := e.next
		e.next = nil
		if now == nil {
			e.busy = false
			e.mu.Unlock()
			return
		}
		e.mu.Unlock()
		e.publish(now)
	}
}

// publish makes one edition. Who has the list already is answered before it is
// written for the others. A crash ends this edition, and those who wait for it.
func (e *editions) publish(now *edition) {
	know := sync.OnceFunc(func() { close(now.known) })
	defer func() {
		if r := recover(); r != nil {
			now.err = fmt.Errorf("crashed: %v", r)
		}
		if now.err != nil {
			e.log.Warn("no list", "error", now.err, "requests", len(now.queries))
		}
		know()
		close(now.done)
	}()
	ctx, cancel := context.WithTimeout(context.Background(), snapshotTimeout)
	defer cancel()
	snapshot, err := e.presence.Snapshot(ctx)
	if err != nil {
		now.err = err
		return
	}
	now.tag = e.tags.tag(snapshot.Version)
	wanted, gzip := false, false
	for _, q := range now.queries {
		q.has = matches(q.ifNoneMatch, now.tag)
		wanted = wanted || !q.has
		gzip = gzip || !q.has && q.gzip
	}
	know()
	if wanted {
		now.text = e.write(snapshot, gzip)
	}
}

// write returns the text of a snapshot, with as much of it written as is wanted.
func (e *editions) write(s rollcall.Snapshot, gzip bool) text {
	e.mu.Lock()
	t := e.kept
	e.mu.Unlock()
	if t.version != s.Version {
		t = text{version: s.Version}
	}
	t.fill(s, gzip)
	e.keep(t)
	return t
}

// keep has a text at hand for those who ask before anything changes.
func (e *editions) keep(t text) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept, e.used = t, time.Now()
	if !e.expiring {
		e.expiring = true
		time.AfterFunc(keepText, e.expire)
	}
}

// expire drops the text if nobody has wanted it for a while.
func (e *editions) expire() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if rest := keepText - time.Since(e.used); rest > 0 {
		time.AfterFunc(rest, e.expire)
		return
	}
	e.kept, e.expiring = text{}, false
}
