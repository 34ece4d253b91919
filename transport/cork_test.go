package transport

import (
	"bytes"
	"testing"
	"time"
)

// The library may write its last word to a client who does not read, and holds the wire
// for a second. Whoever has something short for that client, a poller or the heartbeat of
// all, has others who wait.
func TestNobodyWaitsForTheLibrarysLastWord(t *testing.T) {
	s, _ := talking(t, bytes.NewReader(nil))
	c := &full{begun: make(chan struct{}), goes: make(chan struct{})}
	s.wire.Conn, s.wire.fed = c, true
	s.wire.refuse(masked(0x83, "reserved"))
	go func() { _, _, _ = s.conn.NextReader() }()
	<-c.begun
	through := make(chan struct{})
	go func() {
		defer close(through)
		s.sendPing()
		s.Send([]byte("a reply"))
	}()
	select {
	case <-through:
	case <-time.After(patience):
		t.Error("a ping and a reply wait for it")
	}
	close(c.goes)
	within(t, "the writer to be through", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.through // since behind the last word there is nothing to be said
	})
}

// The last word may also come between what is short and its write, and must fit.
func TestLastWordFitsBehindWhatIsShort(t *testing.T) {
	s, _ := talking(t, bytes.NewReader(nil))
	s.wire.Conn = &table{deafConn: deafConn{from: bytes.NewReader(nil)}}
	frame := make([]byte, maxShort-2*headAllowance)
	s.queue, s.queued = [][]byte{frame}, len(frame)
	s.mu.Lock()
	b, ok := s.takeShort()
	s.mu.Unlock()
	if !ok {
		t.Fatal("it is not taken for short")
	}
	if err := s.gatherBatch(b); err != nil {
		t.Fatal(err)
	}
	before := s.wire.out.n
	longest := make([]byte, 2+125)
	if _, err := s.wire.Write(longest); err != nil || s.wire.out.n != before+len(longest) {
		t.Errorf("behind %d bytes it is written by itself: %v", before, err)
	}
}

// full is a connection whose client does not read until it goes on.
type full struct {
	table
	begun, goes chan struct{}
}

func (c *full) Write(b []byte) (int, error) {
	select {
	case <-c.begun:
	default:
		close(c.begun)
	}
	<-c.goes
	return len(b), nil
}
