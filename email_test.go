package rollcall

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
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
		CloseNormal: "closed", {Code: 1001}: "closed", {Code: 4999}: "closed", CloseTryAgainLater: "",
		CloseGoingAway: "shutdown", CloseRestarting: "shutdown", CloseTimeout: "timeout", CloseVanished: "lost",
		CloseInternalError: "crashed", CloseReplaced: "replaced", CloseSlow: "slow",
		CloseProtocolError: "violation", CloseInvalidText: "violation", CloseTooBig: "violation", CloseRateExceeded: "violation",
		CloseShortOfMemory: "violation",
	} {
		if got := c.Cause(); got != want {
			t.Errorf("the cause of %v is %q, want %q", c, got, want)
		}
	}
}

// Whatever a client sends as its e-mail is refused, or is the same text and fit
// for a row, a frame and a log.
func FuzzEmailIsRefusedOrFit(f *testing.F) {
	for _, seed := range []string{
		"user@example.com", "", " ", "a\x00b", "\xff@x", " a@b", "a@b\u00a0", "ÄÖÜ@Example.COM", "\u2028@x", "İ@x", strings.Repeat("é", 255),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		email, err := ParseEmail(raw)
		switch {
		case raw == "":
			if !errors.Is(err, CloseNoEmail) {
				t.Fatalf("nothing is refused with %v", err)
			}
		case err != nil:
			if email != "" || !errors.Is(err, CloseUnknownEmail) {
				t.Fatalf("%q is %q and refused with %v", raw, email, err)
			}
		default:
			if string(email) != raw || !utf8.ValidString(raw) || strings.Contains(raw, "\x00") || utf8.RuneCountInString(raw) > 254 {
				t.Fatalf("%q is taken for the e-mail %q", raw, email)
			}
			if folded := email.Fold(); folded.Fold() != folded || len(folded) != len(email) {
				t.Fatalf("%q folds to %q, which folds to %q", email, folded, folded.Fold())
			}
			var frame struct{ Message string }
			if err := json.Unmarshal(Greeting(email), &frame); err != nil || frame.Message != "Connected successfully as "+raw {
				t.Fatalf("%q is greeted %s", raw, Greeting(email))
			}
		}
	})
}
