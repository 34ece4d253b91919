package transport

import (
	"context"
	"strings"
	"testing"

	"github.com/rollcall/rollcall"
)

// A clock that somebody sets must close nobody: a connect's deadline is by the
// clock that only runs, which a time shows as its m.
func TestDeadlineOfAConnectIsByTheClockThatRuns(t *testing.T) {
	deadlines := make(chan string, 1)
	s := start(t, func(c *Config) { c.Presence = &witness{c.Presence, deadlines} })
	dial(t, s, "/ws/connect/?email=user@example.com").read()
	if deadline := <-deadlines; !strings.Contains(deadline, " m=+") {
		t.Errorf("the deadline is %s", deadline)
	}
}

// witness is a presence that notes the deadlines it is given.
type witness struct {
	rollcall.Presence
	deadlines chan string
}

func (w *witness) Admit(ctx context.Context, c rollcall.Connect) (rollcall.Session, error) {
	deadline, _ := ctx.Deadline()
	w.deadlines <- deadline.String()
	return w.Presence.Admit(ctx, c)
}
