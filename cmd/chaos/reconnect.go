package main

import (
	"math/rand/v2"
	"time"

	"github.com/rollcall/rollcall"
)

// The pause before a client comes again doubles from reconnectLeast up to
// reconnectMost. Most clients of a real service would wait longer; these are few
// and in a hurry to be disturbed again.
const (
	reconnectLeast = 100 * time.Millisecond
	reconnectMost  = 2 * time.Second
)

// pauseAfter is the table of docs/protocol.md as a client reads it: how long to
// wait after a close code before coming again, and false for not at all. It is
// drawn at random, so that not all come at once.
func pauseAfter(code, failures int, draw *rand.Rand) (pause time.Duration, again bool) {
	var most time.Duration
	switch code {
	case rollcall.CloseNoEmail.Code, rollcall.CloseUnknownEmail.Code, rollcall.CloseAlreadyConnected.Code,
		rollcall.CloseReplaced.Code, rollcall.CloseTooBig.Code, rollcall.CloseProtocolError.Code, rollcall.CloseInvalidText.Code:
		return 0, false
	case rollcall.CloseGoingAway.Code, rollcall.CloseRestarting.Code:
		most = reconnectMost / 4 // the server's own choice, and another one may be there
	default: // lost, refused, or told to back off
		most = min(reconnectLeast<<min(failures, 8), reconnectMost)
	}
	return most/2 + time.Duration(draw.Int64N(int64(most))), true
}
