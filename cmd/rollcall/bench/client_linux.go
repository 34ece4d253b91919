package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// client is one user with a socket: less than 200 bytes, and what a frame that
// did not come whole needs until the rest of it is there.
type client struct {
	w      *worker
	fd     int32
	stage  stage
	number int32 // of its user
	place  int32 // among the clients of its worker
	began  time.Duration
	rest   []byte // the beginning of a frame or a head

	sent   []time.Duration // when the messages under way were sent, as a ring; nil without an echo
	oldest int             // of them
}

// dial begins a socket for a user.
func (w *worker) dial(number int) (*client, error) {
	c := &client{w: w, number: int32(number), began: w.loop.now()}
	fd, err := w.dialer.dial(number)
	if err != nil {
		return nil, err
	}
	c.fd = int32(fd)
	return c, w.loop.add(fd, c, unix.EPOLLOUT)
}

// ready goes on with whatever the socket is at.
func (c *client) ready(events uint32) {
	if c.stage == dialing {
		c.shakeHands()
		return
	}
	n, err := unix.Read(int(c.fd), c.w.loop.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil:
		c.end(fmt.Errorf("read: %w", err))
	case n == 0 && c.stage == leaving:
		c.end(nil)
	case n == 0:
		c.end(errors.New("the end of the connection"))
	default:
		c.take(c.w.loop.buffer[:n])
	}
}

func (c *client) shakeHands() {
	err := dialed(int(c.fd))
	if err == nil {
		err = c.w.loop.change(int(c.fd), unix.EPOLLIN)
	}
	if err != nil {
		c.end(err)
		return
	}
	c.stage = upgrading
	c.w.scratch = c.w.handshake.request(c.w.scratch[:0], int(c.number))
	c.write(c.w.scratch)
}

// write sends all at once: what is under way on a socket is less than the
// kernel's smallest buffer. Else the client has failed, and says so.
func (c *client) write(b []byte) bool {
	n, err := unix.Write(int(c.fd), b)
	if err == nil && n < len(b) {
		err = errors.New("the kernel's buffer is full")
	}
	if err != nil {
		c.end(fmt.Errorf("write: %w", err))
	}
	return err == nil
}

// take reads what came, and keeps what is not whole.
func (c *client) take(came []byte) {
	if len(c.rest) > 0 {
		came = append(c.rest, came...)
		c.rest = nil
	}
	var err error
	if c.stage == upgrading {
		came, err = c.takeHead(came)
	}
	replies := 0
	for err == nil && c.stage > upgrading && c.stage < over {
		f, rest, whole, wrong := cutFrame(came)
		if !whole {
			err = wrong
			break
		}
		came = rest
		if f.op == opText && c.stage >= greeted && bytes.HasPrefix(f.payload, replyStart) {
			replies++
			continue
		}
		err = c.takeFrame(f)
	}
	switch {
	case c.stage == over:
		return
	case err != nil:
		c.end(err)
		return
	case len(came) > 0:
		c.rest = bytes.Clone(came)
	}
	if replies > 0 {
		c.w.activity.replied(c, replies)
	}
}

func (c *client) takeHead(came []byte) (rest []byte, err error) {
	h, rest, ok, err := cutHead(came)
	if !ok {
		return rest, err
	}
	if err := h.upgraded(); err != nil {
		return rest, err
	}
	c.stage = admitting
	return rest, nil
}

// takeFrame handles a frame that is no reply.
func (c *client) takeFrame(f frame) error {
	switch {
	case f.op == opPing:
		c.w.tally.Pings++
		c.write(appendFrame(nil, opPong, f.payload))
	case f.op == opClose && c.stage != leaving:
		if len(f.payload) >= 2 {
			return fmt.Errorf("close %d", binary.BigEndian.Uint16(f.payload))
		}
		return errors.New("close without a code")
	case f.op == opText && c.stage == admitting && bytes.HasPrefix(f.payload, greetingStart):
		c.stage = greeted
		c.w.enter(c)
	case c.stage != leaving && f.op != opPong:
		return fmt.Errorf("a frame that nobody asked for: %.40q", f.payload)
	}
	return nil
}

// leave says goodbye and waits for the server's; without a word it is just gone.
// The worker has moved it to those who leave.
func (c *client) leave(abrupt bool) {
	c.began = c.w.loop.now()
	c.stage = leaving
	if abrupt {
		c.end(nil)
		return
	}
	c.write(goodbye)
}

// end is the only way out. A client that left on its own has no cause.
func (c *client) end(cause error) {
	if c.stage == over {
		return
	}
	was := c.stage
	c.stage = over
	c.w.loop.remove(int(c.fd))
	c.w.leave(c, was, cause)
}
