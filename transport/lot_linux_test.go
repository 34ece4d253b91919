package transport

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// waiter counts what it reads, and notes the end.
type waiter struct {
	conn  Parkable
	read  atomic.Int32
	ended atomic.Bool
}

func (w *waiter) Wake(buffer []byte) Outlook {
	n, err := w.conn.TryRead(buffer)
	w.read.Add(int32(n))
	if err != nil && !errors.Is(err, ErrNothing) {
		w.ended.Store(true)
		return Leaves
	}
	return WaitsOn
}

// Descriptors are used again: what happens to a connection that is gone must never
// wake the one that has its descriptor now, nor the other way round.
func TestWakesReachOnlyTheirOwnConnection(t *testing.T) {
	l := newLot(slog.New(slog.DiscardHandler))
	t.Cleanup(l.close)
	for range 200 {
		here, there := adopted(t, l)
		first := &waiter{conn: here}
		here.Attach(first)
		here.Detach()
		if _, err := there.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		_ = here.Close()
		_ = there.Close()
		here, there = adopted(t, l) // the same descriptors, as a rule
		second := &waiter{conn: here}
		here.Attach(second)
		if _, err := there.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		within(t, "the second to be woken", func() bool { return second.read.Load() == 5 })
		if _, err := there.Write([]byte("bye")); err != nil {
			t.Fatal(err)
		}
		_ = there.Close() // with the last bytes
		within(t, "it to see the end", second.ended.Load)
		if n := second.read.Load(); n != 8 {
			t.Fatalf("it has read %d bytes, want 8", n)
		}
		_ = here.Close()
		if n := first.read.Load(); n != 0 {
			t.Fatalf("a connection that has left reads %d bytes", n)
		}
		if _, err := here.TryRead(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("a closed connection reads with %v", err)
		}
		if n := here.TryWrite([]byte("x")); n != 0 {
			t.Fatal("a closed connection writes")
		}
	}
	if n := len(l.(*epollLot).conns); n != 0 {
		t.Errorf("%d connections are kept that are closed", n)
	}
}

// An adopted connection must be what Go's own is to whoever reads and writes in
// a goroutine: it waits, and keeps its deadlines.
func TestAdoptedConnectionWaitsAndKeepsItsDeadlines(t *testing.T) {
	l := newLot(slog.New(slog.DiscardHandler))
	t.Cleanup(l.close)
	here, there := adopted(t, l)
	echoed := make(chan error, 1)
	go func() {
		_, err := io.CopyN(here, here, 8<<20) // more than the buffers take
		echoed <- err
	}()
	go func() { _, _ = there.Write(make([]byte, 8<<20)) }()
	if n, err := io.CopyN(io.Discard, there, 8<<20); err != nil {
		t.Fatalf("after %d bytes: %v", n, err)
	}
	if err := <-echoed; err != nil {
		t.Fatal(err)
	}
	_ = here.SetDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read ends with %v at its deadline", err)
	}
	if _, err := here.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a write ends with %v at its deadline", err)
	}
	_ = here.SetDeadline(time.Time{})
	sooner := make(chan error, 1)
	go func() {
		_, err := here.Read(make([]byte, 1))
		sooner <- err
	}()
	_ = here.SetReadDeadline(time.Now()) // while somebody reads
	if err := <-sooner; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a read ends with %v when its deadline is moved", err)
	}
	_ = here.SetDeadline(time.Time{})
	closed := make(chan error, 1)
	go func() {
		_, err := here.Read(make([]byte, 1))
		closed <- err
	}()
	_ = here.Close()
	if err := <-closed; !errors.Is(err, net.ErrClosed) {
		t.Errorf("a read ends with %v when the connection is closed", err)
	}
}

func adopted(t *testing.T, l lot) (here Parkable, there net.Conn) {
	t.Helper()
	own, there := tcpPair(t)
	here, ok := l.adopt(own)
	if !ok {
		t.Fatal("a TCP connection cannot be parked")
	}
	t.Cleanup(func() { _ = here.Close() })
	return here, there
}

func tcpPair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if there, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if here, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = here.Close()
		_ = there.Close()
	})
	return here, there
}
