package transport

import (
	"errors"
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
)

// waiter counts how often it is woken, and reads what there is.
type waiter struct {
	place place
	woken atomic.Int32
}

func (w *waiter) wake(from source) outlook {
	defer w.woken.Add(1)
	if _, err := from.read(); err != nil && !errors.Is(err, errNothing) {
		return leaves
	}
	return waitsOn
}

// Descriptors are used again: the wake of a connection that is gone must never
// reach the one that has its descriptor now, nor the other way round.
func TestWakesReachOnlyTheirOwnConnection(t *testing.T) {
	l := newLot(slog.New(slog.DiscardHandler))
	t.Cleanup(l.close)
	for range 200 {
		here, there := tcpPair(t)
		first := &waiter{}
		enter(t, l, here, first)
		first.place.wait(false)
		first.place.leave()
		if _, err := there.Write([]byte("late")); err != nil {
			t.Fatal(err)
		}
		_ = here.Close()
		_ = there.Close()
		here, there = tcpPair(t) // the same descriptors, as a rule
		second := &waiter{}
		enter(t, l, here, second)
		second.place.wait(false)
		if second.woken.Load() != 0 {
			t.Fatal("it is woken for the one before it")
		}
		if _, err := there.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		within(t, "the second to be woken", func() bool { return second.woken.Load() == 1 })
		_ = there.Close()
		within(t, "it to see the end", func() bool { return second.woken.Load() == 2 })
		second.place.leave()
		_ = here.Close()
		if first.woken.Load() != 0 {
			t.Fatal("a connection that has left is woken")
		}
	}
	if n := len(l.(*epollLot).slots); n != 0 {
		t.Errorf("%d places are kept for nobody", n)
	}
}

func enter(t *testing.T, l lot, c net.Conn, w *waiter) {
	t.Helper()
	place, ok := l.enter(c, w)
	if !ok {
		t.Fatal("a TCP connection cannot be parked")
	}
	w.place = place
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
