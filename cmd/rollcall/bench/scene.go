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

// working measures how long the server works while something is done.
func (s *scene) working(do func() error) (time.Duration, error) {
	if s.server.pid == 0 {
		return 0, do()
	}
	before, err := readCPU(s.server.pid)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	after, err := readCPU(s.server.pid)
	return after - before, err
}

// noteWork notes what one of so many things costs the server.
func (s *scene) noteWork(r *result, what string, work time.Duration, count int) {
	if s.server.pid != 0 && count > 0 {
		r.note("server's CPU "+what, "µs", float64(work)/float64(time.Microsecond)/float64(count))
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
