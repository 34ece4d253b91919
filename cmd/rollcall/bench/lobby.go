package bench

import (
	"context"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"
)

// wakeBuffer is what the server reads of one connection in one go.
const wakeBuffer = 4 << 10

// lobby is where the clients in memory come in: the server's listener, and who
// has come.
type lobby struct {
	came    chan *wire
	closed  chan struct{}
	once    sync.Once
	started time.Time
	turns   chan struct{} // one for each that may be on its way

	mu     sync.Mutex // guards what follows
	inside []*wire    // each knows its place
	tally  tally

	dueMu sync.Mutex // guards what follows, and is taken after any other
	due   []*wire    // whose drivers are to be woken
	some  sync.Cond
	shut  bool // nobody is to be woken any more
}

func newLobby(concurrency int) *lobby {
	l := &lobby{
		came: make(chan *wire), closed: make(chan struct{}), started: time.Now(),
		turns: make(chan struct{}, concurrency),
	}
	l.some.L = &l.dueMu
	for range 2 * runtime.GOMAXPROCS(0) {
		go l.work()
	}
	return l
}

// wake has a connection's driver woken.
func (l *lobby) wake(w *wire) {
	l.dueMu.Lock()
	defer l.dueMu.Unlock()
	l.due = append(l.due, w)
	l.some.Signal()
}

// work wakes drivers, until the lobby is closed.
func (l *lobby) work() {
	buffer := make([]byte, wakeBuffer)
	for {
		l.dueMu.Lock()
		for len(l.due) == 0 && !l.shut {
			l.some.Wait()
		}
		if l.shut {
			l.dueMu.Unlock()
			return
		}
		last := len(l.due) - 1
		w := l.due[last]
		l.due[last] = nil
		l.due = l.due[:last]
		l.dueMu.Unlock()
		if w.turn(buffer) {
			l.wake(w)
		}
	}
}

func (l *lobby) now() time.Duration { return time.Since(l.started) }

// Accept implements [net.Listener].
func (l *lobby) Accept() (net.Conn, error) {
	select {
	case w := <-l.came:
		return w, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *lobby) Close() error {
	l.once.Do(func() { close(l.closed) })
	l.dueMu.Lock()
	defer l.dueMu.Unlock()
	l.shut = true
	l.some.Broadcast()
	return nil
}

// Addr implements [net.Listener].
func (l *lobby) Addr() net.Addr { return nowhere }

// admit brings clients in, so many at a time, and returns when all are greeted
// or have failed.
func (l *lobby) admit(ctx context.Context, count int) error {
	shake := newHandshake(nowhere.String())
	began := l.now()
	for n := range count {
		if err := l.turn(ctx); err != nil {
			return err
		}
		select {
		case l.came <- dialInMemory(l, shake.request(nil, n)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for range cap(l.turns) { // until nobody else has one
		if err := l.turn(ctx); err != nil {
			return err
		}
	}
	for range cap(l.turns) {
		<-l.turns
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.Took = l.now() - began
	return nil
}

// turn waits until one more may be on its way.
func (l *lobby) turn(ctx context.Context) error {
	select {
	case l.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// greeted lets a client in whose connect began then.
func (l *lobby) greeted(w *wire, began time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.place = len(l.inside)
	l.inside = append(l.inside, w)
	l.tally.Done++
	l.tally.Latency.note(l.now() - began)
	<-l.turns
}

// ended lets a client go. One that was never greeted has failed.
func (l *lobby) ended(w *wire, was stage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch was {
	case leaving:
	case greeted:
		l.tally.fail("the end of the connection")
	default:
		l.tally.fail("the end before the greeting")
		<-l.turns
		return
	}
	last := len(l.inside) - 1
	l.inside[w.place], l.inside[last].place = l.inside[last], w.place
	l.inside[last] = nil
	l.inside = l.inside[:last]
}

func (l *lobby) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tally.fail(err.Error())
}

// dismiss has all of them leave, in no order, as when a network fails.
func (l *lobby) dismiss() {
	l.mu.Lock()
	all := slices.Clone(l.inside)
	l.mu.Unlock()
	rand.Shuffle(len(all), func(a, b int) { all[a], all[b] = all[b], all[a] })
	for _, w := range all {
		w.leave()
	}
}

func (l *lobby) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.inside)
}
