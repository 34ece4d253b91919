package transport

import (
	"log/slog"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// What comes while a bell is muted wakes nobody, and is told when it is not any more:
// or whoever has sent it would wait until the next one does.
func TestMutedBellTellsLater(t *testing.T) {
	of, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(of) })
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = from.Close(); _ = to.Close() })
	err = unix.EpollCtl(of, unix.EPOLL_CTL_ADD, int(from.Fd()), &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET})
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBell(of)
	if err != nil {
		t.Fatal(err)
	}
	woken := make(chan bool)
	go func() {
		woken <- b.listen(func(uintptr) bool { return rings(t, of) })
	}()
	b.mute(true)
	if _, err := to.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if !rings(t, of) || rings(t, b.fd) {
		t.Errorf("while it is muted there are news: %t, want true; and it rings: %t", rings(t, of), rings(t, b.fd))
	}
	b.mute(false)
	if !<-woken || !rings(t, b.fd) {
		t.Error("what came while it was muted is not told")
	}
	b.close()
	b.mute(true) // by a heartbeat that is late: its descriptor is another's now, maybe
	if b.listen(func(uintptr) bool { return true }) {
		t.Error("a closed bell is listened to")
	}
}

// rings reports whether an epoll instance has something to tell.
func rings(t *testing.T, fd int) bool {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	if err != nil {
		t.Error(err)
	}
	return n > 0
}

// A lot that is muted for a moment loses nothing.
func TestMutedLotWakesLater(t *testing.T) {
	l := newLot(slog.New(slog.DiscardHandler))
	t.Cleanup(l.close)
	here, there := adopted(t, l)
	w := &waiter{conn: here}
	here.Attach(w)
	for n := range int32(200) {
		l.mute(true)
		if _, err := there.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		l.mute(false)
		within(t, "it to be read", func() bool { return w.read.Load() == n+1 })
	}
}
