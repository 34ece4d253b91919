package transport

import (
	"encoding/base64"

	"github.com/rollcall/rollcall"
)

// cursors is how they are written: as they may stand in a query.
var cursors = base64.RawURLEncoding

// newCursor names the place behind a user in the order of the e-mails. A place
// in an order stays where it is whoever comes and goes, as a number would not.
func newCursor(e rollcall.Email) string { return cursors.EncodeToString([]byte(e)) }

// readCursor finds the place again. Only what was given out as it stands is a
// cursor: the decoder passes over line ends, and over bits that are left.
func readCursor(cursor string) (rollcall.Email, bool) {
	raw, err := cursors.DecodeString(cursor)
	if err != nil {
		return "", false
	}
	e, err := rollcall.ParseEmail(string(raw))
	return e, err == nil && newCursor(e) == cursor
}
