package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

const (
	// key and accept are the example of RFC 6455 section 1.3. A server that has
	// the right answer to one key has it to all.
	key    = "dGhlIHNhbXBsZSBub25jZQ=="
	accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

	// maxHead is the longest head of an answer, in bytes. A longer one ends its
	// client, which counts as failed.
	maxHead = 8 << 10
)

var errHead = errors.New("an answer that is not HTTP/1.1")

// handshake is the request for a socket, all but its e-mail prepared.
type handshake struct{ before, behind string }

func newHandshake(host string) handshake {
	return handshake{
		before: "GET /ws/connect/?email=",
		behind: " HTTP/1.1\r\nHost: " + host + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
			"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n\r\n",
	}
}

// request appends the whole request of the user with that number.
func (h handshake) request(b []byte, number int) []byte {
	b = append(b, h.before...)
	b = appendEmail(b, number)
	return append(b, h.behind...)
}

// head is the head of an HTTP answer. It lies in the buffer it was read into.
type head struct {
	status int
	fields []byte
}

// cutHead takes the head of an answer off what was read. It answers false while
// the head is not whole.
func cutHead(b []byte) (h head, rest []byte, ok bool, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			err = errHead
		}
		return head{}, b, false, err
	}
	line, fields, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	status, found := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !found || len(status) < 3 {
		return head{}, b, false, errHead
	}
	if h.status, err = strconv.Atoi(string(status[:3])); err != nil {
		return head{}, b, false, errHead
	}
	h.fields = fields
	return h, b[end+4:], true, nil
}

// field finds the value of a field, whose name is compared without regard to case.
func (h head) field(name string) string {
	for line := range bytes.SplitSeq(h.fields, []byte("\r\n")) {
		of, value, ok := bytes.Cut(line, []byte(":"))
		if ok && len(of) == len(name) && strings.EqualFold(string(of), name) {
			return string(bytes.Trim(value, " \t"))
		}
	}
	return ""
}

// upgraded says why the answer to a handshake is no WebSocket; nil if it is one.
func (h head) upgraded() error {
	switch {
	case h.status != 101:
		return fmt.Errorf("HTTP %d", h.status)
	case !bytes.Contains(h.fields, []byte(accept)):
		return errors.New("a handshake with the wrong key")
	}
	return nil
}
