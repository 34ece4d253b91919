package bench

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// scene is one run of a scenario: a server, and the herds that have come so far.
type scene struct {
	*bench
	server *server
	came   []*herd
	users  int // of the herds that have come
}

// gather brings the next herd of the scenario.
func (s *scene) gather(ctx context.Context) (*herd, error) {
	p := s.plans[len(s.came)]
	h, err := gather(ctx, s.Program, s.server, p, s.users, s.progress)
	if err != nil {
		return nil, err
	}
	s.came = append(s.came, h)
	s.users += p.workers * p.users
	return h, nil
}

// close ends the herds.
func (s *scene) close() {
	for _, h := range s.came {
		h.close()
	}
}

// connected brings the next herd and opens its sockets. That one of them fails
// is an error: what is measured next would not be what it says.
func (s *scene) connected(ctx context.Context, sockets, concurrency int) (*herd, error) {
	h, err := s.gather(ctx)
	if err != nil {
		return nil, err
	}
	return h, s.more(ctx, h, sockets, concurrency)
}

// more opens more sockets of a herd.
func (s *scene) more(ctx context.Context, h *herd, sockets, concurrency int) error {
	t, err := h.do(ctx, step{Do: doConnect, Count: sockets, Concurrency: concurrency})
	if err == nil && t.failures() > 0 {
		err = fmt.Errorf("%d of %d sockets did not open: %s", t.failures(), sockets, t.causes())
	}
	return err
}

// effort is how long both ends work while something is done. That of the clients
// says how much of the machine they take away from the server.
type effort struct{ server, clients time.Duration }

// working measures it.
func (s *scene) working(do func() error) (effort, error) {
	before, err := s.effort()
	if err != nil {
		return effort{}, err
	}
	if err := do(); err != nil {
		return effort{}, err
	}
	after, err := s.effort()
	return effort{after.server - before.server, after.clients - before.clients}, err
}

// effort is what both have worked so far. That of a server whose process is not
// known is nothing.
func (s *scene) effort() (e effort, err error) {
	if s.server.pid != 0 {
		if e.server, err = readCPU(s.server.pid); err != nil {
			return e, err
		}
	}
	for _, h := range s.came {
		for _, w := range h.workers {
			worked, err := readCPU(w.command.Process.Pid)
			if err != nil {
				return e, err
			}
			e.clients += worked
		}
	}
	return e, nil
}

// note notes what one of so many things costs both.
func (e effort) note(r *result, what string, count int) {
	each := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(count) }
	if e.server > 0 && count > 0 {
		r.note("server's CPU "+what, "µs", each(e.server))
		r.note("clients' CPU "+what, "µs", each(e.clients))
	}
}

// deal is a herd with what it is to do.
type deal struct {
	herd *herd
	step step
}

// together has several herds do something at the same time.
func together(ctx context.Context, deals ...deal) ([]tally, error) {
	tallies, errs := make([]tally, len(deals)), make([]error, len(deals))
	var wait sync.WaitGroup
	for n, d := range deals {
		wait.Go(func() { tallies[n], errs[n] = d.herd.do(ctx, d.step) })
	}
	wait.Wait()
	return tallies, errors.Join(errs...)
}

// pause waits, unless the bench ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

var errNoProcess = errors.New("the memory of a server that was not started here needs its process: --pid")
