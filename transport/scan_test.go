package transport

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

// A payload is unmasked eight bytes at a time, and none may be left out.
func TestPayloadIsUnmaskedToItsLastByte(t *testing.T) {
	for n := range 300 {
		want := strings.Repeat("0123456789abcdef", 20)[:n]
		frame := masked(0x81, want)
		h, _ := headOf(frame)
		if got := h.appendPayload([]byte("before "), frame); string(got) != "before "+want {
			t.Fatalf("%d bytes are %q", n, got)
		}
	}
}

// A frame that is made here must be the one that the library makes: some leave that way
// and some this.
func TestFramesAreThoseOfTheLibrary(t *testing.T) {
	s, _ := talking(t, bytes.NewReader(nil))
	for _, n := range []int{0, 1, 125, 126, 127, 255, 256, 4000, maxGathered - 4} {
		text := bytes.Repeat([]byte("x"), n)
		s.wire.gather()
		if err := s.conn.WriteMessage(websocket.TextMessage, text); err != nil {
			t.Fatal(err)
		}
		want := bytes.Clone(s.wire.out.buf[:s.wire.out.n])
		s.wire.release()
		s.wire.gather()
		if !s.wire.gatherText([][]byte{text}) || !bytes.Equal(s.wire.out.buf[:s.wire.out.n], want) {
			t.Errorf("%d bytes begin with %x, want %x", n, s.wire.out.buf[:4], want[:min(4, len(want))])
		}
		s.wire.release()
	}
}

// Behind a close frame there is nothing to be said (RFC 6455 section 5.5.1), also if the
// library has sent it. A client's goodbye is none, and whoever said it still reads the
// replies to what it said before.
func TestNothingIsSaidBehindTheLibrarysLastWord(t *testing.T) {
	for name, c := range map[string]struct {
		frame []byte
		want  error
	}{
		"a violation":     {masked(0x83, "reserved"), websocket.ErrCloseSent},
		"a bad goodbye":   {masked(0x88, "\x00\x01"), websocket.ErrCloseSent},
		"a goodbye":       {masked(0x88, "\x03\xe8"), nil},
		"a short goodbye": {masked(0x88, ""), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := talking(t, bytes.NewReader(nil))
			s.wire.fed = true
			s.conn.SetCloseHandler(silent)
			s.wire.refuse(c.frame)
			if _, _, err := s.conn.NextReader(); err == nil {
				t.Fatal("the library does not end it")
			}
			s.wire.gather()
			err := s.gatherBatch(batch{frames: [][]byte{[]byte("a reply")}})
			if !errors.Is(err, c.want) {
				t.Errorf("a reply behind it is sent with %v, want %v", err, c.want)
			}
			if said := s.wire.out.n > 0; said != (c.want == nil) {
				t.Errorf("a reply behind it goes onto the wire: %t", said)
			}
		})
	}
}
