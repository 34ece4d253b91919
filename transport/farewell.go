package transport

import (
	"errors"
	"net"
	"os"
	"runtime/debug"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// goodbye is a client's close.
type goodbye struct {
	rollcall.Close
	due int64 // when it is answered at the latest, since began
}

// sayGoodbye lets the session go first. The client's close is answered when that is
// noted everywhere, or by the heartbeat after closeGrace: whoever has read the answer
// is not listed any more, and is free to connect again.
func (s *socket) sayGoodbye(c rollcall.Close) {
	due := s.now() + int64(closeGrace)
	s.goodbye.Store(&goodbye{c, due})
	s.unfinished.Store(due) // for the heartbeat to look
	s.mu.Lock()
	session := s.session
	s.mu.Unlock()
	session.Leave()
}

// finish ends the writing side: the close frame, if there is one to send, and
// then only so much time for the client to answer it.
func (s *socket) finish(c *rollcall.Close) {
	if c != nil && c.Sendable() {
		_ = s.conn.WriteControl(websocket.CloseMessage,
			websocket.FormatCloseMessage(c.Code, c.Reason), time.Now().Add(closeGrace))
	}
	_ = s.conn.SetReadDeadline(time.Now().Add(closeGrace))
	s.letThrough()
}

// letThrough tells the reader of an ended socket that the writer is through.
func (s *socket) letThrough() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.through = true
	s.creditChanged()
}

// survive turns a panic of a goroutine that no actor supervises into the end
// of its own socket, and reports whether there was one.
func (s *socket) survive(panicked any) bool {
	if panicked == nil {
		return false
	}
	s.log.Error("socket crashed", "reason", panicked, "stack", string(debug.Stack()))
	s.Close(rollcall.CloseInternalError)
	_ = s.conn.Close()
	return true
}

// causeOfWrite says what a failed write means.
func causeOfWrite(err error) rollcall.Close {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return rollcall.CloseSlow
	}
	return rollcall.CloseVanished
}

// finishReading ends the reading side. Unless the client has said goodbye,
// whatever still comes is read and dropped until it closes or its time is up:
// closing with bytes unread would reset the connection, and the close frame
// could be lost with it.
func (s *socket) finishReading(goodbye bool) {
	s.waitThrough()
	raw := s.wire.Conn
	if half, ok := raw.(interface{ CloseWrite() error }); ok && !goodbye {
		_ = half.CloseWrite()
	}
	if !goodbye {
		readThrough(raw)
	}
	_ = s.conn.Close()
}

// readThrough reads whatever comes until the end.
func readThrough(raw net.Conn) {
	buf := make([]byte, readBuffer)
	for {
		n, err := raw.Read(buf)
		if err != nil {
			return
		}
		if n == len(buf) { // there is more
			<-time.After(farewellPause)
		}
	}
}

// closeAccount gives back what the socket still holds of the budget.
func (s *socket) closeAccount() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held.close()
}
