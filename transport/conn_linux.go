package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// epollConn is a TCP connection that an epollLot has adopted. It implements
// [Parkable]. The kernel knows it by its number, so that an event of a connection
// that has gone is never taken for one of the descriptor's next owner; and no call
// is made on the descriptor after its close, because each is made under the lock.
type epollConn struct {
	lot    *epollLot
	number number

	mu     sync.RWMutex // for writing: what follows; for reading: a call on fd
	fd     int          // -1 when it is closed
	driver Driver
	news   chan struct{} // closed at the next change, if somebody waits for it
	reads  time.Duration // the deadlines, since began; 0 is none
	writes time.Duration
}

// changed tells whoever waits.
func (c *epollConn) changed(buffer []byte) Outlook {
	c.mu.RLock()
	driver, waits := c.driver, c.news != nil
	c.mu.RUnlock()
	if waits {
		c.mu.Lock()
		c.tell()
		c.mu.Unlock()
	}
	if driver == nil {
		return Leaves
	}
	return driver.Wake(buffer)
}

// tell wakes whoever waits in Read or Write. The caller holds the lock.
func (c *epollConn) tell() {
	if c.news != nil {
		close(c.news)
		c.news = nil
	}
}

// Attach implements [Parkable].
func (c *epollConn) Attach(d Driver) {
	c.mu.Lock()
	c.driver = d
	c.mu.Unlock()
	c.Again()
}

// Again implements [Parkable]: the kernel tells again of what is there. That it
// cannot is no harm: the connection is closed then, and whoever closed it sees to
// the rest.
func (c *epollConn) Again() { _ = c.control(unix.EPOLL_CTL_MOD) }

// Detach implements [Parkable].
func (c *epollConn) Detach() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.driver = nil
}

// control tells the kernel, which forgets the descriptor by itself when it is closed.
func (c *epollConn) control(operation int) error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return net.ErrClosed
	}
	return unix.EpollCtl(c.lot.fd, operation, c.fd, &unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(c.number.place()), Pad: int32(c.number >> 32),
	})
}

// TryRead implements [Parkable].
func (c *epollConn) TryRead(p []byte) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	n, err := readNow(c.fd, p)
	switch {
	case errors.Is(err, syscall.EAGAIN):
		return 0, ErrNothing
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0 && len(p) > 0:
		return 0, io.EOF
	}
	return n, nil
}

// TryWrite implements [Parkable].
func (c *epollConn) TryWrite(p []byte) int {
	n, _ := c.write(p)
	return n
}

func (c *epollConn) write(p []byte) (int, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	n, err := writeNow(c.fd, p)
	if errors.Is(err, syscall.EAGAIN) {
		return 0, nil
	}
	return n, os.NewSyscallError("write", err)
}

// Read implements [net.Conn].
func (c *epollConn) Read(p []byte) (n int, err error) {
	err = c.until(&c.reads, func() bool {
		n, err = c.TryRead(p)
		return !errors.Is(err, ErrNothing)
	}, &err)
	return n, err
}

// Write implements [net.Conn].
func (c *epollConn) Write(p []byte) (written int, err error) {
	err = c.until(&c.writes, func() bool {
		var n int
		n, err = c.write(p[written:])
		written += n
		return err != nil || written == len(p)
	}, &err)
	return written, err
}

// until tries at each change, until it is done or the deadline has passed.
func (c *epollConn) until(deadline *time.Duration, done func() bool, failed *error) error {
	for {
		c.mu.Lock()
		if c.news == nil {
			c.news = make(chan struct{})
		}
		news, limit := c.news, *deadline
		c.mu.Unlock()
		if limit != 0 && time.Since(began) >= limit {
			return os.ErrDeadlineExceeded
		}
		if done() { // after it is certain that a change will be told
			return *failed
		}
		if limit == 0 {
			<-news
			continue
		}
		late := time.NewTimer(limit - time.Since(began))
		select {
		case <-news:
		case <-late.C:
		}
		late.Stop()
	}
}

// Close implements [net.Conn].
func (c *epollConn) Close() error {
	c.lot.forget(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return net.ErrClosed
	}
	fd := c.fd
	c.fd = -1
	c.tell()
	return os.NewSyscallError("close", unix.Close(fd))
}

// CloseWrite implements [Parkable].
func (c *epollConn) CloseWrite() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.fd < 0 {
		return net.ErrClosed
	}
	return os.NewSyscallError("shutdown", unix.Shutdown(c.fd, unix.SHUT_WR))
}

// LocalAddr implements [net.Conn]. Whoever needs it has asked before.
func (c *epollConn) LocalAddr() net.Addr { return nil }

// RemoteAddr implements [net.Conn] as LocalAddr does.
func (c *epollConn) RemoteAddr() net.Addr { return nil }

// SetDeadline implements [net.Conn].
func (c *epollConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements [net.Conn].
func (c *epollConn) SetReadDeadline(t time.Time) error { return c.set(&c.reads, t) }

// SetWriteDeadline implements [net.Conn].
func (c *epollConn) SetWriteDeadline(t time.Time) error { return c.set(&c.writes, t) }

func (c *epollConn) set(deadline *time.Duration, t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if *deadline = 0; !t.IsZero() {
		*deadline = t.Sub(began)
	}
	c.tell() // who waits looks again
	return nil
}
