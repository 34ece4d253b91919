package transport

import (
	"bytes"
	"sync"

	"github.com/gorilla/websocket"
)

const (
	// frameCost is what a frame counts on top of its bytes, so that many empty
	// ones are bounded too.
	frameCost = 128
	// maxPooled is the largest buffer that is kept for the next frame.
	maxPooled = 16 << 10
)

// frame is one message of a client, in a buffer that is used again. It
// implements [rollcall.Frame].
type frame struct {
	socket *socket
	kind   int
	buf    bytes.Buffer
	held   int // bytes of the budget
}

var frames = sync.Pool{New: func() any { return new(frame) }}

// Text implements [rollcall.Frame].
func (f *frame) Text() ([]byte, bool) { return f.buf.Bytes(), f.kind == websocket.TextMessage }

// Release implements [rollcall.Frame].
func (f *frame) Release() {
	s := f.socket
	s.mu.Lock()
	s.credit -= f.cost()
	s.held.letGo(f.held)
	f.held = 0
	s.creditChanged()
	s.mu.Unlock()
	f.drop()
}

// lend takes a buffer for one message.
func (s *socket) lend(kind int) *frame {
	f := frames.Get().(*frame)
	f.socket, f.kind = s, kind
	return f
}

// drop gives the buffer back.
func (f *frame) drop() {
	if f.held > 0 {
		f.socket.mu.Lock()
		f.socket.held.letGo(f.held)
		f.socket.mu.Unlock()
	}
	f.socket, f.held = nil, 0
	if f.buf.Cap() <= maxPooled {
		f.buf.Reset()
		frames.Put(f)
	}
}

func (f *frame) cost() int { return f.buf.Len() + frameCost }
