package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const streamPath = "/api/v1/presence/stream"

var (
	blockEnd    = []byte("\n\n")
	beforeAt    = []byte(`,"at":"`)
	errReset    = errors.New("the order to begin anew")
	errRepeated = errors.New("an event that came before")
	errMissed   = errors.New("events missed")
	errEvent    = errors.New("an event that is none")
)

// block is one event of a stream, as it is written. It lies in the buffer it was
// read into.
type block struct{ kind, id, data []byte }

// cutBlock takes one block off what was read. It answers false while the block is
// not whole.
func cutBlock(b []byte) (one block, rest []byte, ok bool) {
	text, rest, ok := bytes.Cut(b, blockEnd)
	if !ok {
		return block{}, b, false
	}
	for len(text) > 0 {
		line, behind, _ := bytes.Cut(text, []byte("\n"))
		field, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(field) {
		case "event":
			one.kind = value
		case "id":
			one.id = value
		case "data":
			one.data = value
		} // a comment, or when to come again
		text = behind
	}
	return one, rest, true
}

// place is the number of an event in the order of all, from its ID.
func (b block) place() (uint64, error) {
	place, err := strconv.ParseUint(string(b.id[bytes.LastIndexByte(b.id, '-')+1:]), 10, 64)
	if err != nil {
		return 0, errEvent
	}
	return place, nil
}

// at is when it happened.
func (b block) at() (time.Time, error) {
	_, rest, _ := bytes.Cut(b.data, beforeAt)
	text, _, _ := bytes.Cut(rest, []byte(`"`))
	at, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return at, errEvent
	}
	return at, nil
}

// reading is how far a watcher has read: it finds out what was left out, and what
// came twice.
type reading struct {
	begun bool   // the snapshot is whole
	place uint64 // of what was read last
}

// take reads one block, and reports whether it is an event. An event that is out of
// place is an error, and is read all the same.
func (r *reading) take(b block) (event bool, err error) {
	switch string(b.kind) {
	case "":
		return false, nil
	case "reset":
		return false, errReset
	case "snapshot":
		if len(b.id) > 0 { // the last part
			r.place, err = b.place()
			r.begun = true
		}
		return false, err
	}
	place, err := b.place()
	switch {
	case err != nil:
		return false, err
	case !r.begun:
		return false, errors.New("an event before the snapshot")
	case place <= r.place:
		return true, errRepeated
	case place > r.place+1:
		err = errMissed
	}
	r.place = place
	return true, err
}

// clock knows when events happened: the first watcher who reads of one tells the
// others of a worker.
type clock struct {
	places [clockSize]uint64
	times  [clockSize]time.Time
}

// clockSize is how many events it knows. The watchers are about as far as each
// other; who lags further behind reads the time anew.
const clockSize = 1 << 12

func (c *clock) at(place uint64, b block) (time.Time, error) {
	n := place % clockSize
	if c.places[n] == place {
		return c.times[n], nil
	}
	at, err := b.at()
	if err == nil {
		c.places[n], c.times[n] = place, at
	}
	return at, err
}

// streamRequest is the request for a stream.
func streamRequest(b []byte, host, token string) []byte {
	return fmt.Appendf(b, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Token %s\r\n\r\n", streamPath, host, token)
}
