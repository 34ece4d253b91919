package bench

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// pollEvents is how many events one call takes from the kernel; what is left
	// comes with the next.
	pollEvents = 256
	// readSize is how much one peer may read at a time; what is left makes the
	// descriptor ready again.
	readSize = 64 << 10
)

// peer is one end of a connection in a loop.
type peer interface {
	// ready is called when its descriptor is.
	ready(events uint32)
}

// loop waits for many descriptors on one thread. A peer costs what it has in
// its own struct, and no goroutine, stack or buffer.
type loop struct {
	epoll  int
	slots  []slot // by descriptor
	events []unix.EpollEvent
	buffer []byte // what every peer reads into, and keeps nothing of
	began  time.Time
	open   int
}

// slot is a descriptor's place. An event of a descriptor that was closed and
// opened anew since has the generation of the old one, and is passed over.
type slot struct {
	peer       peer
	generation int32
}

func newLoop() (*loop, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll: %w", err)
	}
	return &loop{
		epoll: fd, events: make([]unix.EpollEvent, pollEvents),
		buffer: make([]byte, readSize), began: time.Now(),
	}, nil
}

// now is the time by the loop's own clock.
func (l *loop) now() time.Duration { return time.Since(l.began) }

// add waits for events of a descriptor, which the loop closes from now on.
func (l *loop) add(fd int, p peer, events uint32) error {
	for fd >= len(l.slots) {
		l.slots = append(l.slots, make([]slot, len(l.slots)+pollEvents)...)
	}
	s := &l.slots[fd]
	s.peer = p
	s.generation++
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, l.event(fd, events)); err != nil {
		s.peer = nil
		return errors.Join(fmt.Errorf("watch a descriptor: %w", err), unix.Close(fd))
	}
	l.open++
	return nil
}

// change waits for other events of a descriptor.
func (l *loop) change(fd int, events uint32) error {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_MOD, fd, l.event(fd, events)); err != nil {
		return fmt.Errorf("watch a descriptor for something else: %w", err)
	}
	return nil
}

// event carries the descriptor and its generation through the kernel.
func (l *loop) event(fd int, events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: int32(fd), Pad: l.slots[fd].generation}
}

// remove closes a descriptor.
func (l *loop) remove(fd int) {
	l.slots[fd].peer = nil
	l.open--
	_ = unix.Close(fd) // closes it whatever it returns, and ends the watching
}

// poll waits for events for at most that long, and has the peers handle them.
func (l *loop) poll(most time.Duration) error {
	n, err := unix.EpollWait(l.epoll, l.events, int(most/time.Millisecond))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for events: %w", err)
	}
	for _, e := range l.events[:max(n, 0)] {
		if s := l.slots[e.Fd]; s.peer != nil && s.generation == e.Pad {
			s.peer.ready(e.Events)
		}
	}
	return nil
}

// close closes every descriptor, without a word.
func (l *loop) close() {
	for fd, s := range l.slots {
		if s.peer != nil {
			l.remove(fd)
		}
	}
	_ = unix.Close(l.epoll) // nothing was written to it
}
