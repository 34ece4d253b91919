package bench

import (
	"bytes"
	"strings"
	"testing"
)

// serverFrame is a frame as a server sends it: a client's, its mask taken off.
func serverFrame(op byte, payload string) []byte {
	masked := appendFrame(nil, op, []byte(payload))
	at := len(masked) - len(payload)
	unmasked := append(bytes.Clone(masked[:at-len(mask)]), payload...)
	unmasked[1] &^= maskBit
	return unmasked
}

// A stream may be cut anywhere: what the kernel hands over has nothing to do with
// frames, and a client that loses its place counts replies that never were.
func TestFramesCutAtEveryByteAreTheSame(t *testing.T) {
	payloads := []string{"", "short", strings.Repeat("m", size16), strings.Repeat("l", 1<<16)}
	for _, payload := range payloads {
		stream := append(serverFrame(opText, payload), serverFrame(opPing, "p")...)
		for cut := 0; cut < len(stream); cut += 1 + len(stream)/1000 {
			if f, rest, ok, err := cutFrame(stream[:cut]); err != nil || ok != (cut >= len(stream)-3) {
				t.Fatalf("%d of %d bytes: %v, %d left, whole: %v, %v", cut, len(stream), f.op, len(rest), ok, err)
			}
		}
		f, rest, ok, err := cutFrame(stream)
		if !ok || err != nil || f.op != opText || string(f.payload) != payload {
			t.Errorf("a frame of %d bytes came as %x of %d bytes: %v, %v", len(payload), f.op, len(f.payload), ok, err)
		}
		if f, rest, ok, err = cutFrame(rest); !ok || err != nil || f.op != opPing || string(f.payload) != "p" || len(rest) > 0 {
			t.Errorf("behind %d bytes, the ping came as %x %q: %v, %v", len(payload), f.op, f.payload, ok, err)
		}
	}
}

// What no server may send must end the client: it would otherwise be counted.
func TestFramesThatNoServerMaySendAreRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":          appendFrame(nil, opText, []byte("x")),
		"in pieces":       {opText, 0},
		"compressed":      {finalBit | 0x40 | opText, 0},
		"longer than all": {finalBit | opText, size64, 0, 0, 0, 0, 1, 0, 0, 0},
		"beyond counting": {finalBit | opText, size64, 0xFF, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, _, _, err := cutFrame(b); err == nil {
			t.Errorf("a frame %s was taken", name)
		}
	}
}

// The masked bytes are those of RFC 6455 section 5.3: a server must find the text.
func TestMaskComesOff(t *testing.T) {
	b := appendFrame(nil, opText, []byte("hello, server"))
	head := smallHead + len(mask)
	for i := range b[head:] {
		b[head+i] ^= b[smallHead+i%len(mask)]
	}
	if got := string(b[head:]); got != "hello, server" {
		t.Errorf("the payload is %q", got)
	}
}

// A server that answers anything but the WebSocket that was asked for must not
// be counted as one that accepts.
func TestHandshakeIsJudged(t *testing.T) {
	right := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n"
	for name, test := range map[string]struct {
		answer string
		fine   bool
	}{
		"right":         {right, true},
		"another key":   {strings.Replace(right, accept, "bm8=", 1), false},
		"full":          {"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n", false},
		"another world": {"SSH-2.0-OpenSSH\r\n\r\n", false},
	} {
		h, _, ok, err := cutHead([]byte(test.answer))
		if fine := ok && err == nil && h.upgraded() == nil; fine != test.fine {
			t.Errorf("the answer that is %s was judged %v: %v", name, fine, err)
		}
	}
	h, rest, ok, err := cutHead([]byte(right + "\x81"))
	if !ok || err != nil || string(rest) != "\x81" || h.field("Upgrade") != "websocket" {
		t.Errorf("the head is %d %q, behind it %q: %v", h.status, h.fields, rest, err)
	}
	if _, _, ok, err := cutHead([]byte(right[:len(right)-1])); ok || err != nil {
		t.Errorf("a head without its end was judged: %v, %v", ok, err)
	}
	if _, _, _, err := cutHead(bytes.Repeat([]byte("x"), maxHead+1)); err == nil {
		t.Error("a head without an end was read on and on")
	}
}
