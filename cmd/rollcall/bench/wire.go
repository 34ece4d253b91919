package bench

import (
	"bytes"
	"net"
	"os"
	"sync"
	"time"
)

// wire is the server's end of a connection in memory. At the other end there is
// no goroutine: what the server writes is read by the client in Write, and what
// the client says to it lies in the inbox.
type wire struct {
	lobby *lobby
	began time.Duration

	mu      sync.Mutex // guards what follows
	changed sync.Cond
	inbox   []byte // what the server has not read yet
	rest    []byte // the beginning of what the server writes
	stage   stage
	expired bool // a read deadline in the past
}

// dialInMemory begins a connection whose handshake is said already.
func dialInMemory(l *lobby, handshake []byte) *wire {
	w := &wire{lobby: l, began: l.now(), inbox: handshake, stage: upgrading}
	w.changed.L = &w.mu
	return w
}

// Read waits for what the client says.
func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		switch {
		case w.stage == over:
			return 0, net.ErrClosed
		case w.expired:
			return 0, os.ErrDeadlineExceeded
		case len(w.inbox) > 0:
			n := copy(p, w.inbox)
			if w.inbox = w.inbox[n:]; len(w.inbox) == 0 {
				w.inbox = nil
			}
			return n, nil
		}
		w.changed.Wait()
	}
}

// Write hands what the server says to the client, which reads it at once.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stage == over {
		return 0, net.ErrClosed
	}
	came := p
	if len(w.rest) > 0 {
		came, w.rest = append(w.rest, p...), nil
	}
	rest, err := w.take(came)
	if err != nil {
		w.lobby.fail(err)
		return 0, err
	}
	if len(rest) > 0 {
		w.rest = bytes.Clone(rest)
	}
	return len(p), nil
}

// take reads what is whole, and returns the rest. The caller holds the lock.
func (w *wire) take(came []byte) (rest []byte, err error) {
	if w.stage == upgrading {
		h, rest, whole, err := cutHead(came)
		if !whole {
			return rest, err
		}
		if err := h.upgraded(); err != nil {
			return rest, err
		}
		w.stage, came = admitting, rest
	}
	for {
		f, rest, whole, err := cutFrame(came)
		if !whole {
			return rest, err
		}
		came = rest
		switch {
		case f.op == opPing:
			w.say(appendFrame(nil, opPong, f.payload))
		case f.op == opText && w.stage == admitting && bytes.HasPrefix(f.payload, greetingStart):
			w.stage = greeted
			w.lobby.greeted(w)
		}
	}
}

// say puts something into the inbox. The caller holds the lock.
func (w *wire) say(b []byte) {
	w.inbox = append(w.inbox, b...)
	w.changed.Signal()
}

// leave says goodbye. The server closes behind its own.
func (w *wire) leave() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stage == greeted {
		w.stage = leaving
		w.say(goodbye)
	}
}

// Close is the server's end of it.
func (w *wire) Close() error {
	w.mu.Lock()
	was := w.stage
	w.stage = over
	w.changed.Broadcast()
	w.mu.Unlock()
	if was != over {
		w.lobby.ended(w, was)
	}
	return nil
}

// SetReadDeadline keeps a deadline only if it is over: by that, net/http ends a
// read when a connection becomes a socket. The clients here are never silent
// when they are to say something.
func (w *wire) SetReadDeadline(t time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.expired = !t.IsZero() && !t.After(time.Now()); w.expired {
		w.changed.Broadcast()
	}
	return nil
}

// SetWriteDeadline is not needed: no write waits.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is both.
func (w *wire) SetDeadline(t time.Time) error { return w.SetReadDeadline(t) }

// LocalAddr is the same for all.
func (w *wire) LocalAddr() net.Addr { return nowhere }

// RemoteAddr is the same for all.
func (w *wire) RemoteAddr() net.Addr { return nowhere }

// nowhere is an address of documentation (RFC 5737).
var nowhere = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}
