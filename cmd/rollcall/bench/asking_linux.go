package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// asking asks for the list over and over: one question at a time on each of so
// many connections.
type asking struct {
	bystander
	step
	askers []*asker
	open   int
	over   bool
}

func (a *asking) begin() {
	for n := range a.Count {
		q := &asker{asking: a}
		fd, err := a.w.dialer.dial(n)
		if err == nil {
			q.fd = fd
			err = a.w.loop.add(fd, q, unix.EPOLLOUT)
		}
		if err != nil {
			a.w.tally.fail(err.Error())
			continue
		}
		a.askers = append(a.askers, q)
		a.open++
	}
}

func (a *asking) tick() {
	if !a.over && (a.elapsed() >= a.For || a.open == 0) {
		a.over = true
		a.w.tally.Took = a.elapsed()
	}
	if a.over && a.tired() {
		for _, q := range a.askers {
			q.end(errPatience)
		}
	}
}

func (a *asking) done() bool { return a.over && a.open == 0 }

// question is the request, with the ETag if one is known.
func (a *asking) question(b []byte, etag string) []byte {
	b = append(b, "GET "+listPath...)
	if a.Size > 0 {
		b = strconv.AppendInt(append(b, "?bytes="...), int64(a.Size), 10)
	}
	b = append(b, " HTTP/1.1\r\nHost: "+a.w.host+"\r\nAuthorization: Token "+a.w.token+"\r\n"...)
	switch {
	case a.Variant == askGzip:
		b = append(b, "Accept-Encoding: gzip\r\n"...)
	case a.Variant == askETag && etag != "":
		b = append(b, "If-None-Match: "+etag+"\r\n"...)
	}
	return append(b, "\r\n"...)
}

// asker is one connection that asks. It reads no more of an answer than its
// head, and counts the bytes of the rest.
type asker struct {
	asking *asking
	fd     int
	there  bool // the connection is
	ended  bool
	began  time.Duration // of the question
	rest   []byte        // the beginning of a head
	headed bool          // the head of the answer is read
	body   body
	etag   string
}

// ready reads what came of the answer, and asks again behind its end.
func (q *asker) ready(uint32) {
	l := q.asking.w.loop
	if !q.there {
		err := dialed(q.fd)
		if err == nil {
			err = l.change(q.fd, unix.EPOLLIN)
		}
		if err == nil {
			q.there = true
			err = q.ask()
		}
		q.endFor(err)
		return
	}
	n, err := unix.Read(q.fd, l.buffer)
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil:
		q.end(fmt.Errorf("read: %w", err))
	case n == 0:
		q.end(errors.New("the end of the connection"))
	default:
		q.endFor(q.take(l.buffer[:n]))
	}
}

// ask sends the question.
func (q *asker) ask() error {
	w := q.asking.w
	q.began, q.headed = w.loop.now(), false
	w.scratch = q.asking.question(w.scratch[:0], q.etag)
	if _, err := unix.Write(q.fd, w.scratch); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return nil // all of it: nothing else is on its way
}

// take reads a part of the answer.
func (q *asker) take(came []byte) error {
	w := q.asking.w
	w.tally.Bytes += int64(len(came))
	if !q.headed {
		came = append(q.rest, came...)
		q.rest = nil
		h, rest, ok, err := cutHead(came)
		if !ok {
			q.rest = bytes.Clone(came)
			return err
		}
		if came = rest; h.status != http.StatusOK && h.status != http.StatusNotModified {
			return fmt.Errorf("HTTP %d", h.status)
		}
		if err := q.takeHead(h); err != nil {
			return err
		}
	}
	if _, err := q.body.take(came); err != nil || !q.body.over {
		return err
	}
	q.asking.last = w.loop.now()
	if q.asking.over {
		q.end(nil)
		return nil
	}
	w.tally.Done++
	w.tally.Latency.note(q.asking.last - q.began)
	return q.ask()
}

// takeHead finds out how the body comes.
func (q *asker) takeHead(h head) (err error) {
	q.headed = true
	q.body = body{over: true}
	if h.status == http.StatusOK {
		q.body, err = h.body()
		if err == nil && q.body.endless() {
			err = errFraming // it ends the connection, on which the next question is to be asked
		}
		if err != nil {
			return err
		}
	}
	if q.asking.Variant == askETag && h.status == http.StatusOK {
		if q.etag = h.field("Etag"); q.etag == "" {
			return errors.New("an answer without an ETag")
		}
	}
	return nil
}

func (q *asker) endFor(err error) {
	if err != nil {
		q.end(err)
	}
}

func (q *asker) end(cause error) {
	if q.ended {
		return
	}
	q.ended = true
	q.asking.w.loop.remove(q.fd)
	q.asking.open--
	if cause != nil {
		q.asking.w.tally.fail(cause.Error())
	}
}
