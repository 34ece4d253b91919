package bench

import (
	"bytes"
	"errors"
	"strconv"
)

// maxChunkLine is the longest line between two chunks, in bytes. A longer one ends
// its stream.
const maxChunkLine = 64

var errChunk = errors.New("a body that is not in chunks")

// chunks takes the chunked coding (RFC 9112 section 7.1) off a body that comes in
// pieces.
type chunks struct {
	left int    // bytes of the chunk that are to come
	line []byte // the beginning of the line with the size of the next
}

// take returns what a piece brings of the body, in the place of the piece itself.
func (c *chunks) take(came []byte) (body []byte, err error) {
	body = came[:0]
	for len(came) > 0 {
		if n := min(c.left, len(came)); n > 0 {
			body = append(body, came[:n]...)
			came = came[n:]
			c.left -= n
			continue
		}
		line, rest, whole := bytes.Cut(came, []byte("\n"))
		if came = rest; !whole || len(c.line) > 0 {
			c.line = append(c.line, line...)
			line = c.line
		}
		if len(line) > maxChunkLine {
			return body, errChunk
		}
		if !whole {
			break
		}
		if line, c.line = bytes.TrimSuffix(line, []byte("\r")), nil; len(line) == 0 {
			continue // the end of the chunk before
		}
		size, err := strconv.ParseUint(string(line), 16, 31)
		if err != nil {
			return body, errChunk
		}
		c.left = int(size) // 0 is the end: nothing comes behind it
	}
	return body, nil
}
