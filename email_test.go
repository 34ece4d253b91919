package rollcall

import (
	"errors"
	"strings"
	"testing"
)

// These are answered without asking the database, which would refuse some of
// them with an error of its own.
func TestWhatCannotBeAnEmailIsRefusedAtTheEdge(t *testing.T) {
	for raw, want := range map[string]Close{
		"":                       CloseNoEmail,
		" ":                      CloseUnknownEmail,
		" user@example.com":      CloseUnknownEmail,
		"user@example.com\n":     CloseUnknownEmail,
		"user@example.com\u00a0": CloseUnknownEmail,
		"user\x00@example.com":   CloseUnknownEmail,
		"\xff\xfe@example.com":   CloseUnknownEmail,
		strings.Repeat("é", 255): CloseUnknownEmail,
	} {
		if _, err := ParseEmail(raw); !errors.Is(err, want) {
			t.Errorf("ParseEmail(%q) = %v, want %v", raw, err, want)
		}
	}
	for _, raw := range []string{"user@example.com", "o'brien&co@example.com", "plus+tag@example.com", strings.Repeat("é", 254)} {
		if e, err := ParseEmail(raw); err != nil || string(e) != raw {
			t.Errorf("ParseEmail(%q) = %q, %v", raw, e, err)
		}
	}
}

// The history keeps one word for each way to end; an ending that falls through
// to "closed" by mistake would blame the client.
func TestEveryCloseHasItsCause(t *testing.T) {
	for c, want := range map[Close]string{
		CloseNormal: "closed", {Code: 1001}: "closed", {Code: 4999}: "closed",
		CloseGoingAway: "shutdown", CloseRestarting: "shutdown", CloseTimeout: "timeout", CloseVanished: "lost",
		CloseInternalError: "crashed", CloseReplaced: "replaced", CloseSlow: "slow",
		CloseProtocolError: "violation", CloseInvalidText: "violation", CloseTooBig: "violation", CloseRateExceeded: "violation",
	} {
		if got := c.Cause(); got != want {
			t.Errorf("the cause of %v is %q, want %q", c, got, want)
		}
	}
}
