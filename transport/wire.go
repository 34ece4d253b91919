package transport

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// maxGathered bounds the bytes of frames that are gathered for one write. What
// is more goes out in several.
const maxGathered = 16 << 10

// gathering are the buffers for it, lent while a socket writes.
var gathering = sync.Pool{New: func() any { return new(gathered) }}

type gathered struct {
	buf [maxGathered]byte
	n   int // bytes in it
}

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

	mu       sync.Mutex    // guards what follows
	out      *gathered     // nil while nothing is gathered
	deadline time.Duration // of the next write, since began; 0 is none
	refused  bool          // the library is to end the conversation, and may have
}

// parkable reports whether the connection can be written to without waiting.
func (w *wire) parkable() bool {
	_, ok := w.Conn.(Parkable)
	return ok
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

// gather keeps what is written from now on until it is flushed.
func (w *wire) gather() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = gathering.Get().(*gathered)
}

// gatherNow is gather for whoever must not wait: it answers false if the library writes
// its last word, which may take a second.
func (w *wire) gatherNow() bool {
	if !w.mu.TryLock() {
		return false
	}
	defer w.mu.Unlock()
	w.out = gathering.Get().(*gathered)
	return true
}

// gatherText gathers messages that fit, unless they are the library's to write: it
// knows whether it has said its last word.
func (w *wire) gatherText(messages [][]byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.refused {
		return false
	}
	to := w.out.buf[:w.out.n]
	for _, m := range messages {
		to = append(appendHead(to, websocket.TextMessage, len(m)), m...)
	}
	w.out.n = len(to)
	return true
}

// refuse hands out what the library will end the conversation for.
func (w *wire) refuse(frames []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hand, w.refused = frames, true
}

// flush writes what was gathered, and gathers no more.
func (w *wire) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.send()
	w.release()
	return err
}

// flushNow is flush for whoever must not wait: it answers false if not all could
// be written at once. The rest is for flush then.
func (w *wire) flushNow() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.Conn.(Parkable).TryWrite(w.out.buf[:w.out.n])
	w.out.n = copy(w.out.buf[:], w.out.buf[n:w.out.n])
	if w.out.n > 0 {
		return false
	}
	w.release()
	return true
}

// release gives the buffer back. The caller holds the lock.
func (w *wire) release() {
	w.out.n = 0
	gathering.Put(w.out)
	w.out = nil
}

// send writes what was gathered. The caller holds the lock.
func (w *wire) send() error {
	n := w.out.n
	w.out.n = 0
	if n == 0 {
		return nil
	}
	_, err := w.write(w.out.buf[:n])
	return err
}

// write writes by the deadline, and takes that away again: a timer costs something
// as long as it is set.
func (w *wire) write(p []byte) (int, error) {
	limit := time.Time{}
	if w.deadline != 0 {
		limit = began.Add(w.deadline)
	}
	if err := w.Conn.SetWriteDeadline(limit); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(p)
	if err == nil {
		err = w.Conn.SetWriteDeadline(time.Time{})
	}
	return n, err
}

// Write implements [net.Conn].
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out == nil {
		return w.write(p)
	}
	if w.out.n+len(p) > maxGathered {
		if err := w.send(); err != nil {
			return 0, err
		}
	}
	if len(p) > maxGathered {
		return w.write(p)
	}
	w.out.n += copy(w.out.buf[w.out.n:], p)
	return len(p), nil
}

// SetWriteDeadline implements [net.Conn], for the next write.
func (w *wire) SetWriteDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deadline = 0; !t.IsZero() {
		w.deadline = t.Sub(began)
	}
	return nil
}
