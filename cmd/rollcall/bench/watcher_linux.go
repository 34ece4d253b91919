package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sys/unix"
)

var errStreamEnd = errors.New("the end of the stream")

// watcher is one stream of events: whoever it is asks with the token, and is no user
// with a socket.
type watcher struct {
	reading
	w     *worker
	fd    int
	stage stage // dialing, upgrading, which is waiting for the head, or greeted
	began time.Duration
	body  body
	rest  []byte // the beginning of a head or a block
}

// watch begins a stream.
func (w *worker) watch(number int) (*watcher, error) {
	v := &watcher{w: w, began: w.loop.now()}
	var err error
	if v.fd, err = w.dialer.dial(number); err != nil {
		return nil, err
	}
	return v, w.loop.add(v.fd, v, unix.EPOLLOUT)
}

// ready goes on with whatever the stream is at.
func (v *watcher) ready(uint32) {
	if v.stage == dialing {
		v.ask()
		return
	}
	n, err := unix.Read(v.fd, v.w.loop.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil:
		v.end(fmt.Errorf("read: %w", err))
	case n == 0:
		v.end(errStreamEnd)
	default:
		if err := v.take(v.w.loop.buffer[:n]); err != nil {
			v.end(err)
		}
	}
}

func (v *watcher) ask() {
	err := dialed(v.fd)
	if err == nil {
		err = v.w.loop.change(v.fd, unix.EPOLLIN)
	}
	if err == nil {
		v.stage = upgrading
		v.w.scratch = streamRequest(v.w.scratch[:0], v.w.host, v.w.token)
		_, err = unix.Write(v.fd, v.w.scratch) // all of it: nothing else is on its way
	}
	if err != nil {
		v.end(err)
	}
}

// take reads what came, and keeps what is not whole.
func (v *watcher) take(came []byte) (err error) {
	v.w.tally.Bytes += int64(len(came))
	if v.stage == upgrading {
		if came, err = v.takeHead(came); err != nil || v.stage == upgrading {
			return err
		}
	}
	if came, err = v.body.take(came); err != nil {
		return err
	}
	if len(v.rest) > 0 {
		came = append(v.rest, came...)
		v.rest = nil
	}
	now := time.Now()
	for {
		b, rest, whole := cutBlock(came)
		if !whole {
			break
		}
		came = rest
		if err := v.takeBlock(b, now); err != nil {
			return err
		}
	}
	if len(came) > 0 {
		v.rest = bytes.Clone(came)
	}
	if v.body.over {
		return errStreamEnd
	}
	return nil
}

func (v *watcher) takeHead(came []byte) (rest []byte, err error) {
	came = append(v.rest, came...)
	h, rest, ok, err := cutHead(came)
	if !ok {
		v.rest = bytes.Clone(came)
		return nil, err
	}
	if h.status != http.StatusOK {
		return nil, fmt.Errorf("HTTP %d", h.status)
	}
	v.stage, v.rest = greeted, nil
	v.body, err = h.body()
	return rest, err
}

// takeBlock counts an event, and how long it was on its way.
func (v *watcher) takeBlock(b block, now time.Time) error {
	before := v.begun
	event, err := v.reading.take(b)
	switch {
	case errors.Is(err, errMissed) || errors.Is(err, errRepeated):
		v.w.tally.fail(err.Error())
	case err != nil:
		return err
	case v.begun && !before:
		v.w.tally.Done++
		v.w.tally.Latency.note(v.w.loop.now() - v.began)
	}
	if !event || !v.w.counting {
		return nil
	}
	at, err := v.w.clock.at(v.place, b)
	if err != nil {
		return err
	}
	v.w.tally.Done++
	v.w.tally.Latency.note(max(0, now.Sub(at)))
	return nil
}

// end is the only way out: a stream does not end by itself, so that there is a cause.
func (v *watcher) end(cause error) {
	if v.stage == over {
		return
	}
	v.stage = over
	v.w.loop.remove(v.fd)
	v.w.tally.fail(cause.Error())
}
