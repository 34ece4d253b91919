package transport

import (
	"errors"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// maxCredit bounds the bytes that one socket has given its session and not
	// got back, and, apart from that, the bytes of replies that wait to be
	// written. The reader waits at either: the client's own TCP window then
	// tells it to wait, and no frame is lost. A frame that is larger than this
	// is read when nothing else is out.
	maxCredit = 64 << 10
	// farewellPause is before each next message from a client whose socket has
	// ended. What it sent before it knew is read in good time; whoever floods
	// would else keep the server busy until closeGrace is over, and others waiting.
	farewellPause = time.Millisecond
	// messageTimeout is how long a message may take from its first byte to its
	// last, and a long one a second more for each leastUpload bytes that have come;
	// then its client is too slow and its session ends. Whoever dribbles would
	// hold the memory of others else.
	messageTimeout = 30 * time.Second
	leastUpload    = 16 << 10
)

// reader reads one socket.
type reader struct {
	*socket
	terms  *terms
	second int64 // that is being counted
	count  int
}

// terms are what all readers of a server keep to.
type terms struct {
	limit    int64         // bytes of a message
	rate     int           // frames a second; 0 is no limit
	farewell func(*socket) // what is to be done when a socket is over
}

// silent answers a close frame with nothing.
func silent(int, string) error { return nil }

// read hands frames to the session until the client is gone, and reports
// whether it has said goodbye.
func (r *reader) read() (goodbye bool) {
	r.conn.SetCloseHandler(silent) // Close answers, in its turn
	r.conn.SetPongHandler(func(string) error {
		r.heard.Store(r.now())
		return nil
	})
	r.conn.SetPingHandler(func(payload string) error {
		r.heard.Store(r.now())
		if r.tooFast() {
			r.Close(rollcall.CloseRateExceeded)
		}
		r.sendPong(payload)
		return nil
	})
	for {
		f, err := r.next()
		r.heard.Store(r.now())
		if err != nil {
			if goodbye = r.end(err); goodbye {
				r.waitClosed()
			}
			return goodbye
		}
		if !r.accept(f) {
			f.drop()
			r.waitThrough() // a client that floods must not be read while it is told
			<-time.After(farewellPause)
			continue // until it has answered the close frame
		}
		r.session.Receive(f)
	}
}

// next reads one message, into a buffer that grows with what has come and not
// with what was announced; and only when there is credit for one, so that no
// more than one waits in memory.
func (r *reader) next() (*frame, error) {
	kind, from, err := r.conn.NextReader()
	if err != nil {
		return nil, err
	}
	r.waitUntil(func() bool { return r.credit < maxCredit && r.queued <= maxCredit })
	f := r.lend(kind)
	r.unfinished.Store(r.now() + int64(messageTimeout))
	_, err = f.buf.ReadFrom(&listener{f, from})
	r.unfinished.Store(0)
	if err != nil {
		f.drop()
		return nil, err
	}
	return f, nil
}

// errNoRoom ends the reading of a message that memory is too short for.
var errNoRoom = errors.New("memory is too short for the message")

// listener notes that the client was heard, also in the middle of a message,
// and what the message takes.
type listener struct {
	frame *frame
	from  io.Reader
}

func (l *listener) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	s := l.frame.socket
	s.heard.Store(s.now())
	s.progress(n)
	l.frame.held += n
	s.mu.Lock()
	fits := s.held.hold(n)
	s.mu.Unlock()
	if !fits {
		s.Close(rollcall.CloseShortOfMemory)
		return n, errNoRoom
	}
	return n, err
}

// progress notes that bytes of an unfinished message have come.
func (s *socket) progress(bytes int) {
	s.unfinished.Add(int64(bytes) * int64(time.Second) / leastUpload)
}

// accept judges a message, and waits until there is credit for it. It answers
// false for a socket that has ended.
func (r *reader) accept(f *frame) bool {
	if why, bad := r.judge(f); bad {
		r.settle()
		r.Close(why)
	}
	return r.waitUntil(func() bool {
		if !r.room(f.cost()) {
			return false
		}
		r.credit += f.cost()
		return true
	})
}

// judge finds what a message must be refused for.
func (r *reader) judge(f *frame) (why rollcall.Close, bad bool) {
	text, isText := f.Text()
	switch {
	case isText && !utf8.Valid(text):
		return rollcall.CloseInvalidText, true
	case r.tooFast():
		return rollcall.CloseRateExceeded, true
	}
	return why, false
}

// room reports whether there is credit. The caller holds the lock.
func (s *socket) room(cost int) bool {
	return (s.credit == 0 || s.credit+cost <= maxCredit) && s.queued <= maxCredit
}

// tooFast counts the frames of each second.
func (r *reader) tooFast() bool {
	if r.terms.rate == 0 {
		return false
	}
	if now := r.heard.Load(); now-r.second >= int64(time.Second) {
		r.second, r.count = now, 0
	}
	r.count++
	return r.count > r.terms.rate
}

// waitUntil waits for a condition over what the socket's lock guards, and
// answers false if the socket ended first.
func (s *socket) waitUntil(condition func() bool) (met bool) {
	s.watch(func() bool {
		if s.ended.Load() != nil {
			return true
		}
		met = condition()
		return met
	})
	return met
}

// waitThrough waits for the writer of an ended socket.
func (s *socket) waitThrough() { s.watch(func() bool { return s.through }) }

// watch looks at each change that it may care for, until it is done.
func (s *socket) watch(done func() bool) {
	s.mu.Lock()
	for !done() {
		if s.credited == nil {
			s.credited = make(chan struct{})
		}
		changed := s.credited
		s.mu.Unlock()
		<-changed
		s.mu.Lock()
	}
	s.mu.Unlock()
}

// creditChanged wakes a reader that waits. The caller holds the lock.
func (s *socket) creditChanged() {
	if s.credited != nil {
		close(s.credited)
		s.credited = nil
	}
	if s.parked != nil {
		s.parked.feed()
	}
}

// end closes the socket for what ended its reading. A client that closed still
// gets the replies to what it sent before.
func (r *reader) end(err error) (goodbye bool) {
	closed, ok := errors.AsType[*websocket.CloseError](err)
	if goodbye = ok && closed.Code != websocket.CloseAbnormalClosure; goodbye {
		r.settle()
		r.sayGoodbye(causeOfRead(err))
		return true
	}
	r.Close(causeOfRead(err))
	return false
}

// settle waits until everything that was read has its reply.
func (r *reader) settle() {
	r.waitUntil(func() bool { return r.credit == 0 })
}

// causeOfRead says what a failed read means. The library has answered a
// violation of the protocol itself when it returns its error.
func causeOfRead(err error) rollcall.Close {
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		switch closed.Code {
		case websocket.CloseAbnormalClosure: // the library's name for a lost connection
			return rollcall.CloseVanished
		case websocket.CloseNoStatusReceived:
			return rollcall.CloseNormal
		}
		return rollcall.Close{Code: closed.Code}
	}
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return rollcall.CloseTooBig
	case strings.HasPrefix(err.Error(), "websocket: "):
		return rollcall.CloseProtocolError
	}
	return rollcall.CloseVanished
}
