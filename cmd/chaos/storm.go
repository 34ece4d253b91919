package main

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

const (
	// stormCount clients come at once. All are users of their own.
	stormCount = 200
	// stormSpread is the time in which they come, and in which the server is told
	// to end: some are in then, some wait for their commit, some for their
	// handshake, and some find nobody.
	stormSpread = 300 * time.Millisecond
)

// storm is clients that come all at once, as after a fault of the network.
type storm struct {
	users   []int
	history *history
}

// blow lets all of them come to a server. Each stays until it is put out, and
// comes again until it is let in, or nobody answers. The function that it returns
// waits for the last.
func (st *storm) blow(ctx context.Context, s *server, draw *rand.Rand) (calm func()) {
	var wait sync.WaitGroup
	for _, user := range st.users {
		after := time.Duration(draw.Int64N(int64(stormSpread)))
		wait.Go(func() {
			rest(ctx, after)
			for st.come(ctx, s, user) {
				rest(ctx, reconnectLeast)
			}
		})
	}
	return wait.Wait
}

// come is one socket. It reports whether the client has reason to come again.
func (st *storm) come(ctx context.Context, s *server, user int) (again bool) {
	talk, err := dial(ctx, new(net.Dialer).DialContext, st.history, s, user)
	if err != nil {
		return false
	}
	if !talk.greeting() {
		return true
	}
	talk.listen()
	_ = talk.Close()
	return false
}
