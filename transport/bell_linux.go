package transport

import (
	"fmt"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// bell tells that an epoll instance has news. It is another instance, with nothing
// but the first in it. Whoever listens sleeps where all of Go's connections do, since
// an epoll instance can be waited for like any of them: to sleep in the first would
// take a thread. And the bell can be muted, which the first cannot.
type bell struct {
	file *os.File
	of   int // the first
	ring syscall.RawConn

	mu sync.Mutex // for a call on fd, which is nobody else's until it is closed
	fd int        // of file; -1 when it is closed
}

func newBell(of int) (*bell, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	b := &bell{fd: fd, of: of}
	if err = b.control(unix.EPOLL_CTL_ADD, unix.EPOLLIN); err == nil {
		err = unix.SetNonblock(fd, true) // or Go would not wait for it as for a connection
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("preparing it: %w", err)
	}
	b.file = os.NewFile(uintptr(fd), "epoll")
	if b.ring, err = b.file.SyscallConn(); err != nil {
		_ = b.file.Close()
		return nil, fmt.Errorf("preparing it: %w", err)
	}
	return b, nil
}

// listen looks what there is, and sleeps until there is something. It answers false
// when the bell is closed.
func (b *bell) listen(look func(uintptr) bool) bool { return b.ring.Read(look) == nil }

// mute keeps the bell silent. What there is when it is not any more is told then, if
// nothing told before is left here: the kernel does not tell twice of what nobody took.
// (To let go of the first and take it back would be simpler, but then the kernel looks
// at everything in it.)
func (b *bell) mute(mute bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.fd < 0:
	case mute:
		_ = b.control(unix.EPOLL_CTL_MOD, 0) // always possible
	default:
		var told [1]unix.EpollEvent
		_, _ = lookNow(b.fd, told[:])
		_ = b.control(unix.EPOLL_CTL_MOD, unix.EPOLLIN)
	}
}

func (b *bell) control(operation int, events uint32) error {
	return unix.EpollCtl(b.fd, operation, b.of, &unix.EpollEvent{Events: events})
}

func (b *bell) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fd = -1
	_ = b.file.Close()
}
