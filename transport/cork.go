package transport

import (
	"time"

	"github.com/gorilla/websocket"
)

// A socket is corked while its messages are handed to its session. The replies to
// all that came in one go are written in one go then, and by whoever handed them
// over: no goroutine is started for it. What cannot be written at once is left to
// the writer, as is everything that is not a short reply.

// headAllowance is what the head of a frame takes at the most, in bytes.
const headAllowance = 16

func (s *socket) cork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corked = true
}

// uncork writes what has been queued meanwhile.
func (s *socket) uncork() {
	frames := s.takeShort()
	if frames == nil {
		return
	}
	err := s.frame(frames)
	if err != nil || !s.wire.flushNow() {
		go s.writeRest(frames, err)
		return
	}
	s.wrote(frames)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = false
	if s.unwritten() {
		s.write()
	}
}

// takeShort takes the queue and the right to write, if there is nothing else to
// write and all of it can be gathered.
func (s *socket) takeShort() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corked = false
	frames := s.queue
	switch {
	case !s.unwritten():
		return nil
	case s.writing, len(frames) == 0, s.pong != nil, s.ping, s.ended.Load() != nil,
		s.queued+headAllowance*len(frames) > maxGathered:
		s.write()
		return nil
	}
	s.queue, s.writing = nil, true
	return frames
}

// frame has the library make frames of replies, and gathers them.
func (s *socket) frame(replies [][]byte) error {
	s.wire.gather()
	for _, r := range replies {
		if err := s.conn.WriteMessage(websocket.TextMessage, r); err != nil {
			return err
		}
	}
	return nil
}

// writeRest is the writer for what could not be written at once, and goes on with
// the rest.
func (s *socket) writeRest(frames [][]byte, err error) {
	defer func() {
		if s.survive(recover()) {
			s.letThrough()
		}
	}()
	s.stalled.Store(s.now() + int64(writeTimeout))
	_ = s.wire.SetWriteDeadline(time.Now().Add(writeTimeout + closeGrace)) // never fails
	if flushed := s.wire.flush(); err == nil {
		err = flushed
	}
	s.stalled.Store(0)
	if !s.isOver(frames, err, nil) {
		s.writeAll()
	}
}
