package transport

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sys/unix"
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
		if n := first.read.Load(); n > 4 { // its own, if it was being woken when it left
			t.Fatalf("a connection that has left reads %d bytes", n)
		}
		if _, err := here.TryRead(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("a closed connection reads with %v", err)
		}
		if n := here.TryWrite([]byte("x")); n != 0 {
			t.Fatal("a closed connection writes")
		}
	}
	if e := l.(*epollLot); len(e.conns) != len(e.free) || len(e.conns) > 2 || slices.ContainsFunc(e.conns, func(c *epollConn) bool { return c != nil }) {
		t.Errorf("%d places are kept, of which %d are free", len(e.conns), len(e.free))
	}
}

// An event may be in somebody's hands when its connection closes, and the next one has
// its place: that one is not meant.
func TestEventOfOneThatHasGoneIsNobodys(t *testing.T) {
	lot := newLot(slog.New(slog.DiscardHandler))
	t.Cleanup(lot.close)
	first, _ := adopted(t, lot)
	_ = first.Close()
	second, _ := adopted(t, lot)
	gone, next := first.(*epollConn), second.(*epollConn)
	if gone.number.place() != next.number.place() {
		t.Fatalf("they have the places %d and %d, want the same", gone.number.place(), next.number.place())
	}
	var events []unix.EpollEvent
	for _, c := range []*epollConn{gone, next} {
		events = append(events, unix.EpollEvent{Fd: int32(c.number.place()), Pad: int32(c.number >> 32)})
	}
	events = append(events, unix.EpollEvent{Fd: 1000}) // no place at all
	found := make([]*epollConn, 3)
	lot.(*epollLot).find(events, found)
	if found[0] != nil || found[1] != next || found[2] != nil {
		t.Errorf("the events are for %v, want nobody, %p and nobody", found, next)
	}
	_ = gone.Close() // once more, and not the other one
	lot.(*epollLot).find(events, found)
	if found[1] != next {
		t.Error("who is closed twice takes the next one's place")
	}
}

// busy is woken, and stays so.
type busy struct{ woken, goes chan struct{} }

func (b *busy) Wake([]byte) Outlook {
	close(b.woken)
	<-b.goes
	return Leaves
}

// A lot that is closed takes nobody: nobody would wake them, and when its last poller has
// gone its descriptor may be another's.
func TestClosedLotAdoptsNobody(t *testing.T) {
	l := newLot(slog.New(slog.DiscardHandler))
	first, _ := adopted(t, l)
	b := &busy{make(chan struct{}), make(chan struct{})}
	first.Attach(b)
	<-b.woken // and so its poller is still there
	l.close()
	own, _ := tcpPair(t)
	if _, ok := l.adopt(own); ok {
		t.Error("a connection waits where nobody looks")
	}
	close(b.goes)
	if err := own.SetDeadline(time.Time{}); err != nil {
		t.Errorf("what was not adopted is closed: %v", err)
	}
	if e := l.(*epollLot); len(e.conns)-len(e.free) != 1 {
		t.Errorf("%d places are taken of %d", len(e.conns)-len(e.free), len(e.conns))
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

// The library answers a violation by itself, and may wait for a writer that waits
// for the client. Whoever shares the pollers with such clients must not wait too.
func TestViolationBehindABlockedWriteBlocksNobody(t *testing.T) {
	s := start(t)
	var all []*deafClient
	for range pollersEach * runtime.GOMAXPROCS(0) {
		all = append(all, newDeafClient(t, s))
	}
	for _, c := range all {
		c.block()
	}
	for _, c := range all {
		c.violate()
	}
	other := dial(t, s, "/ws/connect/?email=alice@example.com")
	other.read()
	other.write(websocket.TextMessage, `{"message": "undisturbed"}`)
	_ = other.SetReadDeadline(time.Now().Add(writeTimeout / 2))
	if got := other.read(); !strings.Contains(got, "undisturbed") {
		t.Errorf("the reply is %s", got)
	}
}

// deafClient says what it can, and reads nothing.
type deafClient struct {
	*raw
	t      *testing.T
	socket *socket // its own, in the server
	unsaid []byte
}

func newDeafClient(t *testing.T, s *testServer) *deafClient {
	t.Helper()
	before := s.sockets.all()
	c := &deafClient{raw: upgraded(t, s, "/ws/connect/?email=user@example.com"), t: t}
	if err := c.Conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	c.frame() // the greeting
	for _, one := range s.sockets.all() {
		if !slices.Contains(before, one) {
			c.socket = one
		}
	}
	own := c.socket.wire.Conn.(*epollConn)
	if err := unix.SetsockoptInt(own.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 16<<10); err != nil { // only to be quick
		t.Fatal(err)
	}
	return c
}

// block says messages until the server cannot write the replies, and no more.
func (c *deafClient) block() {
	c.t.Helper()
	lasting := 0
	within(c.t, "a writer to be blocked for good", func() bool {
		if c.socket.stalled.Load() == 0 {
			lasting = 0
			c.say()
		}
		lasting++
		return lasting == 20
	})
}

// say says a message, or goes on with it.
func (c *deafClient) say() {
	if len(c.unsaid) == 0 {
		c.unsaid = masked(0x81, `{"message": "`+strings.Repeat("x", 1000)+`"}`)
	}
	c.write(c.unsaid)
}

// violate says what nobody may, and waits until it is read: each by another poller.
func (c *deafClient) violate() {
	c.t.Helper()
	c.write(append(c.unsaid, 0x83, 0x80, 0, 0, 0, 0))
	within(c.t, "a violation to be read", func() bool {
		unread, err := unix.IoctlGetInt(c.socket.wire.Conn.(*epollConn).fd, unix.TIOCINQ)
		return unread == 0 || err != nil // or the connection is closed for it
	})
}

func (c *deafClient) write(b []byte) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond))
	n, _ := c.Write(b) // the rest is for the next time
	c.unsaid = b[n:]
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
