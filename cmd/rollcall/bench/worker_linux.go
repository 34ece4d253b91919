package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
)

// idleTick is how soon a worker without a step notices the next one.
const idleTick = 10 * time.Millisecond

// worker is a process of clients: one loop, and whatever they are told to do.
type worker struct {
	loop      *loop
	dialer    dialer
	handshake handshake
	token     string
	host      string
	next, end int   // the numbers of the users who have never come
	free      []int // and of those who have left, who left first first

	clients []*client // those who are greeted
	leaving map[*client]struct{}

	watchers []*watcher // whose streams were begun; some may have ended
	counting bool       // what they are told is counted
	clock    clock

	activity activity
	tally    tally
	scratch  []byte
}

// errNobody means that all the users there are come or leave just now.
var errNobody = errors.New("all users are on their way")

// Work holds clients and has them do what the lines of orders say, until their
// end. It answers with lines of news.
func Work(ctx context.Context, orders io.Reader, answers io.Writer) error {
	runtime.LockOSThread() // the loop is the work; everything else here is rare
	defer runtime.UnlockOSThread()
	lines, say := json.NewDecoder(orders), json.NewEncoder(answers)
	var a assignment
	if err := lines.Decode(&a); err != nil {
		return fmt.Errorf("read the assignment: %w", err)
	}
	w, err := newWorker(a)
	if err != nil {
		return err
	}
	defer w.loop.close()
	steps, ended := make(chan step), make(chan error, 1)
	go func() {
		for {
			var s step
			if err := lines.Decode(&s); err != nil {
				ended <- err
				return
			}
			steps <- s
		}
	}()
	for {
		select {
		case s := <-steps:
			if err := w.do(ctx, s, say); err != nil {
				return errors.Join(err, say.Encode(news{Over: true, Error: err.Error()}))
			}
		case err := <-ended:
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read a step: %w", err)
		default:
			if err := w.loop.poll(idleTick); err != nil {
				return err
			}
		}
	}
}

func newWorker(a assignment) (*worker, error) {
	d, err := newDialer(a.Address, a.Addresses)
	if err != nil {
		return nil, err
	}
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	w := &worker{
		loop: l, dialer: d, handshake: newHandshake(a.Address), token: a.Token, host: a.Address,
		next: a.First, end: a.First + a.Users, leaving: make(map[*client]struct{}),
	}
	w.activity = &bystander{w: w}
	return w, nil
}

// do carries out one step, and says how far it is.
func (w *worker) do(ctx context.Context, s step, say *json.Encoder) (err error) {
	if w.activity, err = newActivity(w, s); err != nil {
		return err
	}
	w.activity.begin()
	told := w.loop.now()
	for w.activity.tick(); !w.activity.done(); w.activity.tick() {
		if err := w.loop.poll(tickEvery); err != nil {
			return err
		}
		if w.loop.now()-told >= newsEvery {
			told = w.loop.now()
			if err := say.Encode(news{Doing: len(w.clients) + len(w.watchers), Tally: tally{Done: w.tally.Done}}); err != nil {
				return fmt.Errorf("tell the news: %w", err)
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	over := news{Over: true, Doing: len(w.clients) + len(w.watchers), Tally: w.tally}
	// What happens between two steps belongs to the next.
	w.activity, w.tally = &bystander{w: w}, tally{}
	if err := say.Encode(over); err != nil {
		return fmt.Errorf("tell the news: %w", err)
	}
	return nil
}

// dialNext has another user come: the one who has been away for longest, if
// there is none who never came.
func (w *worker) dialNext() (*client, error) {
	number := w.next
	switch {
	case w.next < w.end:
		w.next++
	case len(w.free) > 0:
		number, w.free = w.free[0], w.free[1:]
	default:
		return nil, errNobody
	}
	return w.dial(number)
}

// letGo has a greeted client leave.
func (w *worker) letGo(c *client, abrupt bool) {
	w.forget(c)
	w.leaving[c] = struct{}{}
	c.leave(abrupt)
}

// enter takes a client in that was greeted.
func (w *worker) enter(c *client) {
	c.place = int32(len(w.clients))
	w.clients = append(w.clients, c)
	w.activity.greeted(c)
}

// forget takes a client out of those who are greeted. The last one takes its place.
func (w *worker) forget(c *client) {
	last := w.clients[len(w.clients)-1]
	last.place = c.place
	w.clients[c.place] = last
	w.clients = w.clients[:len(w.clients)-1]
}

// leave lets a client go whose socket has ended.
func (w *worker) leave(c *client, was stage, cause error) {
	switch was {
	case greeted:
		w.forget(c)
	case leaving:
		delete(w.leaving, c)
	}
	w.free = append(w.free, int(c.number))
	if cause != nil {
		w.tally.fail(cause.Error())
	}
	w.activity.ended(c, cause)
}
