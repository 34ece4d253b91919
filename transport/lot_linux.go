package transport

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// wakeBuffer is what is read of one connection before the next one's turn.
	// What is more wakes it again.
	wakeBuffer = 16 << 10
	// wakesAtOnce is how many connections one look finds ready.
	wakesAtOnce = 128
	// pollersEach is how many goroutines there are to wake drivers, for each
	// processor. One looks while the others work, or wait to be the next to look;
	// so many less one may be stuck in a driver before anybody else notices.
	pollersEach = 4
)

// CanPark says whether this system has a way to park sockets.
const CanPark = true

// epollLot parks connections in one epoll instance. Whoever looks at it does not
// sleep there, which would take a thread, but where all of Go's connections do: an
// epoll instance can be waited for like any of them.
type epollLot struct {
	log   *slog.Logger
	once  sync.Once // guards file and ready
	file  *os.File  // the epoll instance; nil if there is none
	ready syscall.RawConn

	mu    sync.RWMutex
	last  uint64                // the newest number
	slots map[uint64]*epollSlot // by a number that is never given twice
}

func newLot(log *slog.Logger) lot { return &epollLot{log: log, slots: make(map[uint64]*epollSlot)} }

// open makes the instance and those who look at it, with the first connection.
func (l *epollLot) open() {
	if err := l.make(); err != nil {
		l.log.Warn("sockets are read by goroutines, since they cannot be parked", "error", err)
		return
	}
	for range pollersEach * runtime.GOMAXPROCS(0) {
		go newPoller(l).run()
	}
}

func (l *epollLot) make() error {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return fmt.Errorf("making an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or Go would not wait for it as for a connection
		_ = unix.Close(fd)
		return fmt.Errorf("preparing an epoll instance: %w", err)
	}
	file := os.NewFile(uintptr(fd), "epoll")
	if l.ready, err = file.SyscallConn(); err != nil {
		_ = file.Close()
		return fmt.Errorf("preparing an epoll instance: %w", err)
	}
	l.file = file
	return nil
}

// enter implements lot, for connections that have a descriptor of their own.
func (l *epollLot) enter(c net.Conn, d driver) (place, bool) {
	socket, ok := c.(*net.TCPConn)
	if !ok {
		return nil, false
	}
	l.once.Do(l.open)
	raw, err := socket.SyscallConn()
	if err != nil || l.file == nil {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	s := &epollSlot{lot: l, raw: raw, number: l.last, driver: d}
	if s.control(unix.EPOLL_CTL_ADD, unix.EPOLLET) != nil { // it waits for nothing yet
		return nil, false
	}
	l.slots[s.number] = s
	return s, true
}

func (l *epollLot) close() {
	l.once.Do(func() {}) // too late to open
	if l.file != nil {
		_ = l.file.Close() // the pollers end by that
	}
}

// find returns whom the events are for; nil for one that has left.
func (l *epollLot) find(events []unix.EpollEvent, into []*epollSlot) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i, e := range events {
		into[i] = l.slots[uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32]
	}
}

// poller is one goroutine that wakes drivers, and the source of the one that it
// wakes. Its functions are made once, since they are called for every message.
type poller struct {
	lot      *epollLot
	events   [wakesAtOnce]unix.EpollEvent
	slots    [wakesAtOnce]*epollSlot
	found    int
	look     func(uintptr) bool
	from     syscall.RawConn
	buffer   [wakeBuffer]byte
	got      int
	err      error
	readOnce func(uintptr) bool

	writing   []byte
	written   int
	writeOnce func(uintptr) bool
}

func newPoller(l *epollLot) *poller {
	p := &poller{lot: l}
	p.look = func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), p.events[:], 0)
		p.found = max(n, 0)
		return err == nil && n > 0 // an interrupted look is repeated
	}
	p.readOnce = func(fd uintptr) bool {
		p.got, p.err = unix.Read(int(fd), p.buffer[:])
		return true
	}
	p.writeOnce = func(fd uintptr) bool {
		p.written, _ = unix.Write(int(fd), p.writing)
		return true
	}
	return p
}

// run wakes who is ready, until the instance is closed. An end that came with the
// last bytes is told once, and bytes beyond the buffer are not told again: both
// must be looked for.
func (p *poller) run() {
	const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	for p.lot.ready.Read(p.look) == nil {
		p.lot.find(p.events[:p.found], p.slots[:])
		for i, s := range p.slots[:p.found] {
			if s == nil {
				continue
			}
			p.from, p.got = s.raw, 0
			next := s.driver.wake(p)
			more := p.got == wakeBuffer || p.events[i].Events&ended != 0
			if next == waitsAfter || next == waitsOn && more {
				s.wait(false)
			}
		}
	}
}

// read implements source.
func (p *poller) read() ([]byte, error) {
	p.got = 0
	if err := p.from.Read(p.readOnce); err != nil {
		return nil, err // the connection is closed
	}
	switch {
	case errors.Is(p.err, unix.EAGAIN), errors.Is(p.err, unix.EINTR):
		p.got = 0
		return nil, errNothing
	case p.err != nil:
		return nil, os.NewSyscallError("read", p.err)
	case p.got == 0:
		return nil, io.EOF
	}
	return p.buffer[:p.got], nil
}

// write implements source.
func (p *poller) write(b []byte) int {
	p.writing, p.written = b, 0
	_ = p.from.Write(p.writeOnce) // it fails if the connection is closed
	p.writing = nil
	return max(p.written, 0)
}

// epollSlot implements place. The kernel knows it by its number, so that an event
// of a connection that has gone is never taken for one of the descriptor's next
// owner.
type epollSlot struct {
	lot    *epollLot
	raw    syscall.RawConn
	number uint64
	driver driver
}

// wait implements place. That it cannot is no harm: the connection is closed
// then, and whoever closed it sees to the rest.
func (s *epollSlot) wait(orWritable bool) {
	events := uint32(unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET)
	if orWritable {
		events |= unix.EPOLLOUT
	}
	_ = s.control(unix.EPOLL_CTL_MOD, events)
}

func (s *epollSlot) leave() {
	s.lot.mu.Lock()
	defer s.lot.mu.Unlock()
	delete(s.lot.slots, s.number)
}

// control tells the kernel, which forgets the descriptor by itself when it is closed.
func (s *epollSlot) control(operation int, events uint32) (err error) {
	event := unix.EpollEvent{Events: events, Fd: int32(uint32(s.number)), Pad: int32(uint32(s.number >> 32))}
	e := s.lot.ready.Control(func(epoll uintptr) {
		if e := s.raw.Control(func(fd uintptr) { err = unix.EpollCtl(int(epoll), operation, int(fd), &event) }); e != nil {
			err = e
		}
	})
	if e != nil {
		return e
	}
	return err
}
