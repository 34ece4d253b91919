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
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// wakeBuffer is what is read of one connection before the next one's turn.
	// What is more wakes it again.
	wakeBuffer = 16 << 10
	// wakesAtOnce is how many connections one look finds ready.
	wakesAtOnce = 128
)

// epollLot parks connections in epoll, spread over as many pollers as there are
// processors.
type epollLot struct {
	log     *slog.Logger
	once    sync.Once // guards pollers
	pollers []*poller
	next    atomic.Uint64
}

// CanPark says whether this system has a way to park sockets.
const CanPark = true

func newLot(log *slog.Logger) lot { return &epollLot{log: log} }

// open starts the pollers, with the first connection.
func (l *epollLot) open() {
	for range runtime.GOMAXPROCS(0) {
		p, err := newPoller()
		if err != nil {
			l.log.Warn("sockets are read by goroutines, since they cannot be parked", "error", err)
			l.shut()
			l.pollers = nil
			return
		}
		l.pollers = append(l.pollers, p)
		go p.run()
	}
}

// enter implements lot, for connections that have a descriptor of their own.
func (l *epollLot) enter(c net.Conn, d driver) (place, bool) {
	socket, ok := c.(*net.TCPConn)
	if !ok {
		return nil, false
	}
	l.once.Do(l.open)
	raw, err := socket.SyscallConn()
	if err != nil || len(l.pollers) == 0 {
		return nil, false
	}
	p := l.pollers[l.next.Add(1)%uint64(len(l.pollers))]
	return p.enter(raw, d)
}

func (l *epollLot) close() {
	l.once.Do(func() {}) // too late to open
	l.shut()
}

func (l *epollLot) shut() {
	for _, p := range l.pollers {
		_ = p.file.Close() // its goroutine ends by that
	}
}

// poller is one epoll instance and the goroutine that looks at it. That one does
// not sleep in epoll, which would take a thread, but where all of Go's connections
// do: an epoll instance can be waited for like any of them.
type poller struct {
	file  *os.File // the epoll instance
	ready syscall.RawConn

	mu     sync.Mutex
	last   uint64                // the newest number
	places map[uint64]*epollSlot // by a number that is never given twice

	// What follows is the goroutine's own. Its functions are made once, since
	// they are called for every message.
	events   [wakesAtOnce]unix.EpollEvent
	found    int
	buffer   [wakeBuffer]byte
	into     []byte
	got      int
	err      error
	look     func(uintptr) bool
	readOnce func(uintptr) bool
}

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil { // or Go would not wait for it as for a connection
		_ = unix.Close(fd)
		return nil, fmt.Errorf("preparing an epoll instance: %w", err)
	}
	p := &poller{file: os.NewFile(uintptr(fd), "epoll"), places: make(map[uint64]*epollSlot)}
	if p.ready, err = p.file.SyscallConn(); err != nil {
		_ = p.file.Close()
		return nil, fmt.Errorf("preparing an epoll instance: %w", err)
	}
	p.look = func(fd uintptr) bool {
		n, err := unix.EpollWait(int(fd), p.events[:], 0)
		if err != nil { // interrupted; it is called again
			n = 0
		}
		p.found = n
		return n > 0
	}
	p.readOnce = func(fd uintptr) bool {
		p.got, p.err = unix.Read(int(fd), p.into)
		return true
	}
	return p, nil
}

// run wakes who is ready, until the instance is closed.
func (p *poller) run() {
	for p.ready.Read(p.look) == nil {
		for _, e := range p.events[:p.found] {
			if s := p.at(numberOf(e)); s != nil && s.driver.wake(p.buffer[:]) {
				s.wait(false)
			}
		}
	}
}

func (p *poller) at(number uint64) *epollSlot {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.places[number]
}

func (p *poller) enter(raw syscall.RawConn, d driver) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	s := &epollSlot{poller: p, raw: raw, number: p.last, driver: d}
	if s.control(unix.EPOLL_CTL_ADD, unix.EPOLLONESHOT) != nil { // it waits for nothing yet
		return nil, false
	}
	p.places[s.number] = s
	return s, true
}

// read reads what is there, for the driver that is being woken.
func (p *poller) read(raw syscall.RawConn, into []byte) (int, error) {
	p.into = into
	if err := raw.Read(p.readOnce); err != nil {
		return 0, err // the connection is closed
	}
	switch {
	case errors.Is(p.err, unix.EAGAIN), errors.Is(p.err, unix.EINTR):
		return 0, errNothing
	case p.err != nil:
		return 0, os.NewSyscallError("read", p.err)
	case p.got == 0:
		return 0, io.EOF
	}
	return p.got, nil
}

// epollSlot implements place. The kernel knows it by its number, so that an event
// of a connection that has gone is never taken for one of the descriptor's next
// owner.
type epollSlot struct {
	poller *poller
	raw    syscall.RawConn
	number uint64
	driver driver
}

func (s *epollSlot) read(into []byte) (int, error) { return s.poller.read(s.raw, into) }

// wait implements place. That it cannot is no harm: the connection is closed
// then, and whoever closed it sees to the rest.
func (s *epollSlot) wait(orWritable bool) {
	events := uint32(unix.EPOLLIN | unix.EPOLLONESHOT)
	if orWritable {
		events |= unix.EPOLLOUT
	}
	_ = s.control(unix.EPOLL_CTL_MOD, events)
}

func (s *epollSlot) leave() {
	s.poller.mu.Lock()
	defer s.poller.mu.Unlock()
	delete(s.poller.places, s.number)
}

// control tells the kernel, which forgets the descriptor by itself when it is closed.
func (s *epollSlot) control(operation int, events uint32) (err error) {
	event := unix.EpollEvent{Events: events, Fd: int32(uint32(s.number)), Pad: int32(uint32(s.number >> 32))}
	epoll := int(-1)
	if e := s.poller.ready.Control(func(fd uintptr) { epoll = int(fd) }); e != nil {
		return e
	}
	if e := s.raw.Control(func(fd uintptr) { err = unix.EpollCtl(epoll, operation, int(fd), &event) }); e != nil {
		return e
	}
	return err
}

func numberOf(e unix.EpollEvent) uint64 { return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32 }
