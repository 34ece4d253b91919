package rollcall

import "fmt"

// Close is why a socket ends, as its client sees it: a status code of RFC 6455
// section 7.4 or of our own (4000 and up), and a reason of at most 123 bytes.
type Close struct {
	Code   int
	Reason string
}

// Every way in which a socket can end. docs/protocol.md says for each whether
// the client should connect again.
var (
	CloseNormal           = Close{1000, ""}
	CloseGoingAway        = Close{1001, "Server going away"}
	CloseProtocolError    = Close{1002, "Protocol error"}
	CloseVanished         = Close{1006, "Connection lost"} // never sent: RFC 6455 section 7.4.1
	CloseTimeout          = Close{1006, "No pong in time"} // never sent: nobody is there
	CloseInvalidText      = Close{1007, "Text is not valid UTF-8"}
	CloseTooBig           = Close{1009, "Message too big"}
	CloseInternalError    = Close{1011, "Internal error"}
	CloseRestarting       = Close{1012, "Server restarting"}
	CloseTryAgainLater    = Close{1013, "Try again later"}
	CloseShortOfMemory    = Close{1013, "Short of memory"}
	CloseNoEmail          = Close{4000, "No email provided"}
	CloseUnknownEmail     = Close{4001, "Email not found in database"}
	CloseAlreadyConnected = Close{4003, "Already connected elsewhere"}
	CloseReplaced         = Close{4004, "Replaced by a newer connection"}
	CloseDisconnected     = Close{4005, "Disconnected by an operator"}
	CloseRateExceeded     = Close{4006, "Message rate exceeded"}
	CloseSlow             = Close{4007, "Too slow to read"}
	CloseSlowMessage      = Close{4007, "Too slow to send"}
)

// Sendable reports whether the code may stand in a close frame.
func (c Close) Sendable() bool { return c.Code != CloseVanished.Code }

// Error makes a Close the error of a refusal.
func (c Close) Error() string { return fmt.Sprintf("close %d: %s", c.Code, c.Reason) }

// Cause names the way a session ended in one word, for its history. It is empty
// for one that was told to come again: its connect was too late to be one.
func (c Close) Cause() string {
	if c.Code == CloseDisconnected.Code { // with a reason of the operator's
		return "kicked"
	}
	switch c {
	case CloseTryAgainLater:
		return ""
	case CloseGoingAway, CloseRestarting:
		return "shutdown"
	case CloseTimeout:
		return "timeout"
	case CloseVanished:
		return "lost"
	case CloseInternalError:
		return "crashed"
	case CloseReplaced:
		return "replaced"
	case CloseSlow, CloseSlowMessage:
		return "slow"
	case CloseProtocolError, CloseInvalidText, CloseTooBig, CloseRateExceeded, CloseShortOfMemory:
		return "violation"
	default:
		return "closed"
	}
}

// CauseNodeLost is the cause of a session whose server died and was swept.
const CauseNodeLost = "node lost"
