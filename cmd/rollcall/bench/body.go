package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxChunkLine is the longest line between two chunks, in bytes. A longer one ends
// its stream.
const maxChunkLine = 1024

var (
	errFraming = errors.New("an answer of unknown length")
	errChunk   = errors.New("a chunk that is none")
)

// body finds an answer's body (RFC 9112 section 6) in what comes of it, piece by piece.
// The readers of net/http know how to, but wait for what has not come yet, and one
// worker has thousands of answers under way.
//
// Our own server ends a stream with its connection; a proxy before it may put it into
// chunks.
type body struct {
	chunked bool
	left    int64  // bytes that are to come: of the chunk, or else of the body; -1 until the connection ends
	line    []byte // the beginning of the line before the next chunk
	last    bool   // no chunk comes any more, but maybe a trailer
	over    bool
}

// body is that of an answer which may have one.
func (h head) body() (b body, err error) {
	switch coding := strings.ToLower(h.field("Transfer-Encoding")); coding {
	case "", "identity":
	case "chunked":
		return body{chunked: true}, nil
	default:
		return b, fmt.Errorf("a body in the coding %q", coding)
	}
	length := h.field("Content-Length")
	if length == "" {
		return body{left: -1}, nil
	}
	if b.left, err = strconv.ParseInt(length, 10, 64); err != nil || b.left < 0 {
		return b, errFraming
	}
	b.over = b.left == 0
	return b, nil
}

// endless reports whether the body ends with its connection, and not before.
func (b *body) endless() bool { return !b.chunked && b.left < 0 }

// take returns what a piece brings of the body, in the place of the piece itself.
func (b *body) take(came []byte) (part []byte, err error) {
	if b.chunked {
		return b.takeChunks(came)
	}
	if !b.endless() {
		came = came[:min(b.left, int64(len(came)))]
		b.left -= int64(len(came))
		b.over = b.left == 0
	}
	return came, nil
}

func (b *body) takeChunks(came []byte) (part []byte, err error) {
	part = came[:0]
	for len(came) > 0 && !b.over {
		if n := min(b.left, int64(len(came))); n > 0 {
			part = append(part, came[:n]...)
			came = came[n:]
			b.left -= n
			continue
		}
		line, rest, whole := bytes.Cut(came, []byte("\n"))
		if came = rest; !whole || len(b.line) > 0 {
			b.line = append(b.line, line...)
			line = b.line
		}
		if len(line) > maxChunkLine {
			return part, errChunk
		}
		if !whole {
			break
		}
		b.line = nil
		if err := b.takeLine(bytes.TrimSuffix(line, []byte("\r"))); err != nil {
			return part, err
		}
	}
	return part, nil
}

// takeLine reads what is between two chunks: the end of the one, or the size of the
// next; and behind the last a trailer, which nobody needs.
func (b *body) takeLine(line []byte) error {
	switch {
	case len(line) == 0:
		b.over = b.last
		return nil
	case b.last:
		return nil
	}
	digits, _, _ := bytes.Cut(line, []byte(";")) // what is behind it extends the protocol
	size, err := strconv.ParseUint(string(bytes.TrimRight(digits, " \t")), 16, 31)
	if err != nil {
		return errChunk
	}
	b.left, b.last = int64(size), size == 0
	return nil
}
