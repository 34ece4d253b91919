package persistence

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// cursor is a place in the history: behind the last session of a page. It names
// the session and not its number, so that what ends meanwhile moves nothing.
type cursor struct {
	endedAt time.Time
	session rollcall.SessionID
}

// cursorSize is the microseconds of the end, and the session.
const cursorSize = 8 + len(uuid.UUID{})

// cursorText has no padding, and stands in a URL as it is. It is strict: a page has
// one cursor.
var cursorText = base64.RawURLEncoding.Strict()

func (c cursor) String() string {
	raw := binary.BigEndian.AppendUint64(nil, uint64(c.endedAt.UnixMicro()))
	return cursorText.EncodeToString(append(raw, c.session[:]...))
}

// parseCursor fails with [rollcall.ErrBadCursor].
func parseCursor(text string) (cursor, error) {
	raw, err := cursorText.DecodeString(text)
	if err != nil || len(raw) != cursorSize {
		return cursor{}, fmt.Errorf("%w: %.80q", rollcall.ErrBadCursor, text)
	}
	c := cursor{endedAt: time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC()}
	copy(c.session[:], raw[8:])
	if !c.endedAt.Equal(moment(c.endedAt)) {
		return cursor{}, fmt.Errorf("%w: its time is beyond the calendar", rollcall.ErrBadCursor)
	}
	return c, nil
}
