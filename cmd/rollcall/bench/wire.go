package bench

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/rollcall/rollcall/transport"
)

// wire is the server's end of a connection in memory. At the other end there is
// no goroutine: what the server writes is read by the client in Write, and what
// the client says to it lies in the inbox. The server needs no goroutine for it
// either.
type wire struct {
	lobby *lobby
	place int // in the lobby, whose lock guards it

	mu      sync.Mutex // guards what follows
	driver  transport.Driver
	news    chan struct{} // closed at the next change, if somebody waits for it
	talk    *talk         // nil while nothing is under way
	stage   stage
	expired bool // a read deadline in the past
	ended   bool // the server writes nothing more, and the client has left for it
}

// talk is what is under way on a wire: on most there is nothing, and they are many.
type talk struct {
	began time.Duration // the connect
	inbox []byte        // what the server has not read yet
	rest  []byte        // the beginning of what the server writes
}

var _ transport.Parkable = (*wire)(nil)

// dialInMemory begins a connection whose handshake is said already.
func dialInMemory(l *lobby, handshake []byte) *wire {
	return &wire{lobby: l, talk: &talk{began: l.now(), inbox: handshake}, stage: upgrading}
}

// Read waits for what the client says.
func (w *wire) Read(p []byte) (int, error) {
	for {
		w.mu.Lock()
		n, err := w.read(p)
		if err == nil || !errors.Is(err, transport.ErrNothing) {
			w.mu.Unlock()
			return n, err
		}
		if w.news == nil {
			w.news = make(chan struct{})
		}
		news := w.news
		w.mu.Unlock()
		<-news
	}
}

// TryRead implements [transport.Parkable].
func (w *wire) TryRead(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read(p)
}

// read returns what is there. The caller holds the lock.
func (w *wire) read(p []byte) (int, error) {
	switch {
	case w.stage == over:
		return 0, net.ErrClosed
	case w.expired:
		return 0, os.ErrDeadlineExceeded
	case w.talk != nil && len(w.talk.inbox) > 0:
		n := copy(p, w.talk.inbox)
		w.talk.inbox = w.talk.inbox[n:]
		w.pause()
		return n, nil
	case w.ended:
		return 0, io.EOF
	}
	return 0, transport.ErrNothing
}

// pause forgets a talk that is over. The caller holds the lock.
func (w *wire) pause() {
	if t := w.talk; t != nil && w.stage >= greeted && len(t.inbox)+len(t.rest) == 0 {
		w.talk = nil
	}
}

// TryWrite implements [transport.Parkable]: no write waits.
func (w *wire) TryWrite(p []byte) int {
	n, _ := w.Write(p)
	return n
}

// Attach implements [transport.Parkable].
func (w *wire) Attach(d transport.Driver) {
	w.mu.Lock()
	w.driver = d
	w.mu.Unlock()
	w.Again()
}

// Again implements [transport.Parkable].
func (w *wire) Again() { w.lobby.wake(w) }

// Detach implements [transport.Parkable].
func (w *wire) Detach() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.driver = nil
}

// CloseWrite implements [transport.Parkable].
func (w *wire) CloseWrite() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.tell()
	return nil
}

// tell wakes whoever waits. The caller holds the lock.
func (w *wire) tell() {
	if w.news != nil {
		close(w.news)
		w.news = nil
	}
	if w.driver != nil {
		w.lobby.wake(w)
	}
}

// turn lets the driver do what it can, and answers whether it has to go on.
func (w *wire) turn(buffer []byte) (again bool) {
	w.mu.Lock()
	driver := w.driver
	w.mu.Unlock()
	return driver != nil && driver.Wake(buffer) == transport.WaitsAgain
}

// Write hands what the server says to the client, which reads it at once.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stage == over {
		return 0, net.ErrClosed
	}
	came := p
	if w.talk != nil && len(w.talk.rest) > 0 {
		came, w.talk.rest = append(w.talk.rest, p...), nil
	}
	rest, err := w.take(came)
	if err != nil {
		w.lobby.fail(err)
		return 0, err
	}
	if len(rest) > 0 {
		w.talking().rest = bytes.Clone(rest)
	}
	w.pause()
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
			w.lobby.greeted(w, w.talk.began)
		}
	}
}

// say puts something into the inbox. The caller holds the lock.
func (w *wire) say(b []byte) {
	t := w.talking()
	t.inbox = append(t.inbox, b...)
	w.tell()
}

// talking begins a talk, if none is under way. The caller holds the lock.
func (w *wire) talking() *talk {
	if w.talk == nil {
		w.talk = &talk{}
	}
	return w.talk
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
	w.tell()
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
		w.tell()
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
