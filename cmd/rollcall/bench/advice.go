package bench

import (
	"fmt"
	"strings"
)

// advice says what to do about a failure, as far as it is known: a server that runs
// already has to be prepared for a bench.
func (b *bench) advice(failure string) string {
	switch {
	case b.Server == nil:
		return ""
	case strings.Contains(failure, "close 4001"):
		return fmt.Sprintf("the server lacks the users of the bench: rollcall bench users --count=%d | rollcall user import -", b.users())
	case strings.Contains(failure, "HTTP 401"):
		return "the server wants a token: --token, of those that rollcall token create prints"
	}
	return ""
}

// hint says what the figures leave out; empty if nothing.
func (r *Report) hint() string {
	if line := r.Line(pingsFigure); line != nil && line.Rollcall != nil && line.Rollcall.Max == 0 {
		return "no ping of the server fell into that time, and the figures are without: --for longer than its --ping-interval"
	}
	return ""
}

// users is how many the clients use.
func (b *bench) users() (n int) {
	for _, p := range b.plans {
		n += p.workers * p.users
	}
	return n
}
