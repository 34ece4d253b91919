package actors

import (
	"errors"
	"testing"

	"github.com/rollcall/rollcall"
)

// With the database away connects pile up; the one too many is told to come
// again at once, and makes room for itself by not waiting.
func TestTooManyWaitingConnectsAreRefused(t *testing.T) {
	p := &Presence{}
	p.waiting.Store(maxWaiting)
	if _, err := p.Admit(t.Context(), rollcall.Connect{}); !errors.Is(err, rollcall.CloseTryAgainLater) {
		t.Errorf("one connect too many was answered %v", err)
	}
	if n := p.waiting.Load(); n != maxWaiting {
		t.Errorf("%d connects are counted as waiting, want %d", n, maxWaiting)
	}
}
