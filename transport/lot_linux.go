package transport

import (
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

const (
	// wakeBuffer is what is read of one connection before the next one's turn.
	// What is more wakes it again.
	wakeBuffer = 16 << 10
	// wakesAtOnce is how many connections one look finds changed.
	wakesAtOnce = 128
	// pollersEach is how many goroutines there are to wake drivers, for each
	// processor. One looks while the others work, or wait to be the next to look. Who
	// is in the rest of the batch of one that is stuck in a driver waits with it;
	// whoever else has news waits only when all are stuck.
	pollersEach = 4
)

// CanPark says whether this system has a way to park sockets.
const CanPark = true

// epollLot parks connections in one epoll instance.
type epollLot struct {
	log     *slog.Logger
	once    sync.Once
	fd      int                  // the epoll instance
	bell    atomic.Pointer[bell] // of it; nil until it is open, and if it cannot be
	pollers atomic.Int32         // the last of them closes the instance

	mu     sync.RWMutex
	closed bool
	given  uint32       // how many connections have been given a number
	conns  []*epollConn // each in the place that its number names
	free   []uint32     // the places where there is none
}

// number is what the kernel knows a connection by. It names a place, and which of its
// owners in turn is meant: an event of the last one is never taken for the next one's.
type number uint64

func numberOf(place, given uint32) number { return number(given)<<32 | number(place) }

func (n number) place() uint32 { return uint32(n) }

func newLot(log *slog.Logger) lot { return &epollLot{log: log} }

// open makes the instance and those who look at it, with the first connection.
func (l *epollLot) open() {
	if err := l.make(); err != nil {
		l.log.Warn("sockets are read by goroutines, since they cannot be parked", "error", err)
		return
	}
	n := pollersEach * runtime.GOMAXPROCS(0)
	l.pollers.Store(int32(n))
	for range n {
		go newPoller(l).run()
	}
}

func (l *epollLot) make() (err error) {
	if l.fd, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("making an epoll instance: %w", err)
	}
	b, err := newBell(l.fd)
	if err != nil {
		_ = unix.Close(l.fd)
		return fmt.Errorf("making a bell for an epoll instance: %w", err)
	}
	l.bell.Store(b)
	return nil
}

// adopt implements lot, for connections that have a descriptor of their own: it
// takes another one of the same connection, and closes theirs. Go's own would be
// held by each idle socket, with what it knows of it: 800 bytes.
func (l *epollLot) adopt(c net.Conn) (Parkable, bool) {
	socket, ok := c.(*net.TCPConn)
	if !ok {
		return nil, false
	}
	if l.once.Do(l.open); l.bell.Load() == nil {
		return nil, false
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return nil, false
	}
	own := &epollConn{lot: l, fd: -1}
	err = raw.Control(func(fd uintptr) {
		own.fd, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil || own.fd < 0 { // no more files: this one stays as it is
		return nil, false
	}
	if err := l.add(own); err != nil {
		_ = unix.Close(own.fd)
		return nil, false
	}
	_ = c.Close()
	return own, true
}

// add tells the kernel to tell of each change.
func (l *epollLot) add(c *epollConn) error {
	l.mu.Lock()
	if len(l.free) == 0 {
		l.free = append(l.free, uint32(len(l.conns)))
		l.conns = append(l.conns, nil)
	}
	place := l.free[len(l.free)-1]
	l.free = l.free[:len(l.free)-1]
	l.given++
	c.number = numberOf(place, l.given)
	l.conns[place] = c
	l.mu.Unlock()
	err := l.tell(c)
	if err != nil {
		l.forget(c)
	}
	return err
}

// tell tells the kernel of a connection. Of a lot that is closed the instance may be
// somebody else's, and until then nobody looks at it.
func (l *epollLot) tell(c *epollConn) error {
	l.mu.RLock() // so that no close comes between, and no poller waits
	defer l.mu.RUnlock()
	if l.closed {
		return net.ErrClosed
	}
	return c.control(unix.EPOLL_CTL_ADD)
}

func (l *epollLot) forget(c *epollConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if place := c.number.place(); l.conns[place] == c {
		l.conns[place] = nil
		l.free = append(l.free, place)
	}
}

// close implements lot. The pollers end by it.
func (l *epollLot) close() {
	l.once.Do(func() {}) // too late to open
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	if b := l.bell.Load(); b != nil {
		b.close()
	}
}

// mute implements lot.
func (l *epollLot) mute(mute bool) {
	if b := l.bell.Load(); b != nil {
		b.mute(mute)
	}
}

// find returns whom the events are for; nil for one that has gone.
func (l *epollLot) find(events []unix.EpollEvent, into []*epollConn) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i, e := range events {
		n := numberOf(uint32(e.Fd), uint32(e.Pad))
		into[i] = nil
		if place := int(n.place()); place < len(l.conns) && l.conns[place] != nil && l.conns[place].number == n {
			into[i] = l.conns[place]
		}
	}
}

// poller is one goroutine that wakes drivers. Its look is made once, since it is
// called for every few messages.
type poller struct {
	lot    *epollLot
	events [wakesAtOnce]unix.EpollEvent
	conns  [wakesAtOnce]*epollConn
	found  int
	look   func(uintptr) bool
	buffer [wakeBuffer]byte
}

func newPoller(l *epollLot) *poller {
	p := &poller{lot: l}
	p.look = func(uintptr) bool {
		n, err := lookNow(l.fd, p.events[:])
		p.found = n
		return err == nil && n > 0
	}
	return p
}

// run wakes whoever has something new, until the instance is closed. An end that
// came with the last bytes is told once, and must be looked for.
func (p *poller) run() {
	const ended = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	for bell := p.lot.bell.Load(); bell.listen(p.look); {
		p.lot.find(p.events[:p.found], p.conns[:])
		for i, c := range p.conns[:p.found] {
			if c == nil {
				continue
			}
			p.conns[i] = nil
			next := c.changed(p.buffer[:])
			if next == WaitsAgain || next == WaitsOn && p.events[i].Events&ended != 0 {
				c.Again()
			}
		}
	}
	if p.lot.pollers.Add(-1) == 0 {
		_ = unix.Close(p.lot.fd)
	}
}
