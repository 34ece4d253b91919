package transport

import (
	"time"

	"github.com/gorilla/websocket"
)

// What is short and can be written at once is written by whoever has it: starting
// a goroutine takes longer. A socket is corked while its messages are handed to its
// session, so that the replies to all that came in one go leave in one write. The
// writer is for everything else: what is long, whatever has to wait, and the end.

const (
	// headAllowance is what the head of a frame takes at the most, in bytes.
	headAllowance = 16
	// maxShort is what is written at once. The library's last word fits behind it, which
	// may come meanwhile: RFC 6455 section 5.5 bounds that. Nobody waits for it then.
	maxShort = maxGathered - 125 - headAllowance
)

// pingFrame is the same for all, and written as it is: most of what an idle socket
// costs is its pings. RFC 6455 section 5.5.2.
var pingFrame = []byte{finalBit | websocket.PingMessage, 0}

// batch is what one look finds to be written.
type batch struct {
	frames [][]byte
	pong   *string
	ping   bool
}

// size is what it takes on the wire, at the most.
func (b *batch) size(queued int) int {
	n := queued + headAllowance*(len(b.frames)+1)
	if b.pong != nil {
		n += headAllowance + len(*b.pong)
	}
	return n
}

func (s *socket) cork() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.corked = true
}

// uncork writes what has been queued meanwhile.
func (s *socket) uncork() {
	s.mu.Lock()
	s.corked = false
	b, ok := s.takeShort()
	s.mu.Unlock()
	if ok {
		s.writeShort(b)
	}
}

// push has what is queued written, by itself if that is possible.
func (s *socket) push() {
	s.mu.Lock()
	b, ok := s.takeShort()
	s.mu.Unlock()
	if ok {
		s.writeShort(b)
	}
}

// writeShort writes a batch that was taken.
func (s *socket) writeShort(b batch) {
	defer func() {
		if crash := recover(); crash != nil { // with the right to write, which nobody else has then
			s.letThrough()
			panic(crash)
		}
	}()
	err := s.gatherBatch(b)
	if err != nil || !s.wire.flushNow() {
		go s.writeRest(b, err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleFrames(b.frames)
	s.writing = false
	if s.unwritten() {
		s.write()
	}
}

// takeShort takes what there is to write, and the right to write, and the wire gathers
// then. If that is not for the asking goroutine it calls the writer. The caller holds the
// lock.
func (s *socket) takeShort() (b batch, ok bool) {
	if s.writing || s.corked || !s.unwritten() {
		return b, false
	}
	b = batch{s.queue, s.pong, s.ping}
	mayWait := s.ended.Load() != nil || !s.wire.parkable() || b.size(s.queued) > maxShort
	if mayWait || !s.wire.gatherNow() {
		s.write()
		return batch{}, false
	}
	s.queue, s.pong, s.ping, s.writing = nil, nil, false, true
	return b, true
}

// gatherBatch writes frames to a wire that gathers. The usual ones are made here: the
// library takes longer over each, mostly to wait for memory.
func (s *socket) gatherBatch(b batch) error {
	if err := s.writeControls(b); err != nil {
		return err
	}
	if s.wire.gatherText(b.frames) {
		return nil
	}
	for _, f := range b.frames {
		if err := s.conn.WriteMessage(websocket.TextMessage, f); err != nil {
			return err
		}
	}
	return nil
}

// writeControls writes a batch's pong and ping.
func (s *socket) writeControls(b batch) error {
	if b.pong == nil && !b.ping {
		return nil
	}
	limit := time.Now().Add(writeTimeout + closeGrace)
	if b.pong != nil {
		if err := s.conn.WriteControl(websocket.PongMessage, []byte(*b.pong), limit); err != nil {
			return err
		}
	}
	if !b.ping {
		return nil
	}
	_ = s.wire.SetWriteDeadline(limit) // never fails
	_, err := s.wire.Write(pingFrame)
	return err
}

// writeRest is the writer for what could not be written at once, and goes on with
// the rest.
func (s *socket) writeRest(b batch, err error) {
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
	if !s.isOver(b.frames, err, nil) {
		s.writeAll()
	}
}
