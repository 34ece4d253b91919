package transport

import (
	"io"
	"net"
	"sync"
	"time"
)

// maxGathered bounds the bytes of frames that are gathered for one write. What
// is more goes out in several.
const maxGathered = 16 << 10

// gathered are the buffers for it, lent while a socket writes.
var gathered = sync.Pool{New: func() any { return new([maxGathered]byte) }}

// wire is the connection below a WebSocket. The library reads from it and
// writes to it as if it were the connection itself; between the two it
//
//   - hands out the bytes that somebody else has read, to a parked socket, which
//     must not read by itself because it would block;
//   - gathers the frames that are written in one go, so that the replies to
//     pipelined messages leave in one system call.
type wire struct {
	net.Conn
	fed  bool   // it hands out, and never reads
	hand []byte // what it has to hand out

	mu       sync.Mutex // guards what follows
	out      *[maxGathered]byte
	pending  int       // bytes in out
	deadline time.Time // of the next write
}

// Read implements [net.Conn]. A fed wire has the frames that it was fed, and the
// library asks for no more than those.
func (w *wire) Read(p []byte) (int, error) {
	if !w.fed {
		return w.Conn.Read(p)
	}
	if len(w.hand) == 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, w.hand)
	w.hand = w.hand[n:]
	return n, nil
}

// gather keeps what is written from now on until flush.
func (w *wire) gather() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = gathered.Get().(*[maxGathered]byte)
}

// flush writes what was gathered, and gathers no more.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.send()
	gathered.Put(w.out)
	w.out = nil
	return err
}

// send writes what was gathered. The caller holds the lock.
func (w *wire) send() error {
	if w.pending == 0 {
		return nil
	}
	n := w.pending
	w.pending = 0
	if err := w.Conn.SetWriteDeadline(w.deadline); err != nil {
		return err
	}
	_, err := w.Conn.Write(w.out[:n])
	return err
}

// Write implements [net.Conn].
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out != nil {
		if w.pending+len(p) > maxGathered {
			if err := w.send(); err != nil {
				return 0, err
			}
		}
		if len(p) <= maxGathered {
			w.pending += copy(w.out[w.pending:], p)
			return len(p), nil
		}
	}
	if err := w.Conn.SetWriteDeadline(w.deadline); err != nil {
		return 0, err
	}
	return w.Conn.Write(p)
}

// SetWriteDeadline implements [net.Conn], for the next write.
func (w *wire) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline = t
	return nil
}
