package transport

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// maxOutbound bounds the bytes that wait to be written to one socket before
	// one more message may join them. It is only reached by a client that does
	// not read what it did not ask for; its socket ends with CloseSlow.
	maxOutbound = 1 << 20
	// writeTimeout is how long one write may take, and a long message a second
	// more for each leastRate bytes; then the client is too slow and its session
	// ends.
	writeTimeout = 10 * time.Second
	leastRate    = 64 << 10
	// closeGrace is how much longer the socket itself is kept, for a slow
	// client to get its close frame and for any client to answer it.
	closeGrace = 2 * time.Second
)

// socket is one live WebSocket: the queue before it and what is known of its
// life. It has one reader, which is parked or a goroutine, and a writer only while
// there is something to write that cannot be written at once (cork.go).
type socket struct {
	times
	place    int // in the list of all; its lock guards it
	conn     *websocket.Conn
	wire     wire // below conn
	log      *slog.Logger
	address  string
	ended    atomic.Pointer[rollcall.Close]
	goodbye  atomic.Pointer[goodbye] // of the client, before it is answered
	mu       sync.Mutex              // guards what follows
	session  rollcall.Session
	parked   *parked // nil if a goroutine reads
	held     account
	queue    [][]byte
	queued   int // bytes in queue, or in the writer's hands
	pong     *string
	ping     bool
	writing  bool
	corked   bool          // who corked it writes
	through  bool          // the writer of an ended socket is
	credit   int           // bytes lent to the session: see reader.go
	credited chan struct{} // closed at the next change that a waiting reader cares for
}

var _ rollcall.Socket = (*socket)(nil)

// began is the zero of all times here, which are by the monotonic clock: so long ago
// that no clock is before it, also not that of a test in fake time.
var began = time.Now().Add(-100 * 365 * 24 * time.Hour)

// instant is the time since then, and so more than 0.
func instant() int64 { return int64(time.Since(began)) }

// newSocket makes a socket that has no connection yet.
func newSocket(address string, held *budget, log *slog.Logger) *socket {
	s := &socket{log: log, held: account{budget: held}, address: address}
	s.heard.Store(s.now())
	return s
}

func (*socket) now() int64 { return instant() }

// Send implements [rollcall.Socket].
func (s *socket) Send(frame []byte) bool {
	s.mu.Lock()
	if s.ended.Load() != nil {
		s.mu.Unlock()
		return false
	}
	fits := s.held.hold(len(frame)) || s.queued == 0 && len(frame) <= maxReply
	if s.queued > maxOutbound || !fits {
		s.held.letGo(len(frame))
		s.mu.Unlock()
		s.Close(rollcall.CloseSlow)
		return false
	}
	s.queue = append(s.queue, frame)
	s.queued += len(frame)
	b, ok := s.takeShort()
	s.mu.Unlock()
	if ok {
		s.writeShort(b)
	}
	return true
}

// sendPong queues the answer to a ping. Only the newest needs one: RFC 6455
// section 5.5.3.
func (s *socket) sendPong(payload string) {
	s.mu.Lock()
	s.pong = &payload
	s.mu.Unlock()
	s.push()
}

func (s *socket) sendPing() {
	s.mu.Lock()
	s.ping = true
	s.mu.Unlock()
	s.push()
}

// Close implements [rollcall.Socket]. What is queued is still written, unless
// the client does not read it, and the close frame behind it; the session is
// told at once.
func (s *socket) Close(c rollcall.Close) {
	s.mu.Lock()
	if s.ended.Load() != nil {
		s.mu.Unlock()
		return
	}
	if said := s.goodbye.Load(); said != nil {
		c = said.Close
	}
	s.ended.Store(&c)
	if c == rollcall.CloseSlow {
		s.dropQueue()
	}
	session := s.session
	s.write()
	s.creditChanged()
	stopped, goodbye := false, s.goodbye.Load() != nil
	if s.parked != nil {
		stopped = s.parked.stopped()
	}
	s.mu.Unlock()
	if stopped {
		go s.parked.finish(func() bool { return goodbye })
	}
	if session != nil {
		session.Leave()
	}
	if !c.Sendable() {
		_ = s.conn.Close() // frees a writer that waits for a client who is not there
	}
}

// Ended implements [rollcall.Socket].
func (s *socket) Ended() (rollcall.Close, bool) {
	if c := s.ended.Load(); c != nil {
		return *c, true
	}
	if said := s.goodbye.Load(); said != nil {
		return said.Close, true
	}
	return rollcall.Close{}, false
}

// waitClosed waits until Close is called.
func (s *socket) waitClosed() { s.waitUntil(func() bool { return false }) }

// admitted gives the socket its session, to be told of the socket's end.
func (s *socket) admitted(session rollcall.Session) {
	s.mu.Lock()
	s.session = session
	ended := s.ended.Load() != nil
	s.mu.Unlock()
	if ended {
		session.Leave()
	}
}

// write starts the writer if none runs and nobody else is about to write. The
// caller holds the lock.
func (s *socket) write() {
	if !s.writing && !s.corked {
		s.writing = true
		go s.writeAll()
	}
}

// unwritten reports whether there is something to write. The caller holds the lock.
func (s *socket) unwritten() bool {
	return len(s.queue) > 0 || s.pong != nil || s.ping || s.ended.Load() != nil
}

// writeAll is the writer: it writes until nothing is queued, and the close
// frame when the socket has ended.
func (s *socket) writeAll() {
	defer func() {
		if s.survive(recover()) {
			s.letThrough()
		}
	}()
	for {
		s.mu.Lock()
		if !s.unwritten() {
			s.writing = false
			s.mu.Unlock()
			return
		}
		b := batch{s.queue, s.pong, s.ping}
		s.queue, s.pong, s.ping = nil, nil, false
		closed := s.ended.Load()
		s.mu.Unlock()
		if s.isOver(b.frames, s.writeBatch(b), closed) {
			return
		}
	}
}

// isOver concludes the writing of frames, and of the socket if it has ended or the
// write has failed.
func (s *socket) isOver(frames [][]byte, err error, closed *rollcall.Close) bool {
	s.wrote(frames)
	if err != nil && !errors.Is(err, websocket.ErrCloseSent) { // that was sent by the reader, who closes
		s.Close(causeOfWrite(err))
	}
	if err == nil && closed == nil {
		return false
	}
	s.finish(closed)
	return true
}

// wrote takes what was written out of the account.
func (s *socket) wrote(frames [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleFrames(frames)
}

// settleFrames is wrote for a caller who holds the lock.
func (s *socket) settleFrames(frames [][]byte) {
	for _, f := range frames {
		s.queued -= len(f)
		s.held.letGo(len(f))
	}
	s.creditChanged()
}

// dropQueue gives up what has not been taken by the writer. The caller holds the lock.
func (s *socket) dropQueue() {
	for _, f := range s.queue {
		s.queued -= len(f)
		s.held.letGo(len(f))
	}
	s.queue = nil
}

// writeBatch writes what one look at the queue found. A write that fails for
// time alone has had closeGrace longer than the session had.
func (s *socket) writeBatch(b batch) (err error) {
	s.stalled.Store(s.now() + int64(writeTimeout))
	defer s.stalled.Store(0)
	if len(b.frames) > 1 {
		s.wire.gather()
		defer func() {
			if flushed := s.wire.flush(); err == nil {
				err = flushed
			}
		}()
	}
	if err := s.writeControls(b); err != nil {
		return err
	}
	for _, f := range b.frames {
		if c := s.ended.Load(); c != nil && *c == rollcall.CloseSlow {
			return nil
		}
		patience := writeTimeout + time.Duration(len(f))*time.Second/leastRate
		s.stalled.Store(s.now() + int64(patience))
		if err := s.conn.SetWriteDeadline(time.Now().Add(patience + closeGrace)); err != nil {
			return err
		}
		if err := s.conn.WriteMessage(websocket.TextMessage, f); err != nil {
			return err
		}
	}
	return nil
}
