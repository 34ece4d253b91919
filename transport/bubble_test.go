package transport

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

// A list may take a hundred megabytes, which nobody should hold for nobody.
func TestTextThatNobodyWantsIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &slowPresence{}
		e := newEditions(p, slog.New(slog.DiscardHandler))
		read(t, e, &query{})
		time.Sleep(keepText - time.Nanosecond)
		tag := read(t, e, &query{}).tag // keeps it for longer
		time.Sleep(keepText - time.Nanosecond)
		read(t, e, &query{ifNoneMatch: []string{tag}}) // does not
		if synctest.Wait(); p.written != 1 || !e.keeps() {
			t.Fatalf("a moment before its end the list was written %d times", p.written)
		}
		time.Sleep(time.Nanosecond)
		if synctest.Wait(); e.keeps() {
			t.Error("the list is still kept")
		}
		if again := read(t, e, &query{}); p.written != 2 || again.tag != tag {
			t.Errorf("after its end the list was written %d times, and its tag is %s after %s", p.written, again.tag, tag)
		}
	})
}

// A registry that says nothing holds nobody for longer than the timeout, not even
// those who have to wait for the question before theirs.
func TestSilentRegistryIsGivenUpInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEditions(&slowPresence{silent: true}, slog.New(slog.DiscardHandler))
		begun := time.Now()
		readLater(t.Context(), e, &query{})
		time.Sleep(snapshotTimeout - time.Second)
		r := <-readLater(t.Context(), e, &query{})
		if waited := time.Since(begun); r.err == nil || waited != 2*snapshotTimeout-time.Second {
			t.Errorf("the second was told %v, %s after the first had asked", r.err, waited)
		}
		time.Sleep(snapshotTimeout) // the question that nobody waits for ends, too
	})
}

// keeps reports whether a list is kept for those to come.
func (e *editions) keeps() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.kept.plain != nil
}
