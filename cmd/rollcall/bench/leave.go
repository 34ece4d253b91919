package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Leave opens sockets and ends all of them at once, and measures how long it
// takes until nothing is left of them: not in the list, and not in the tables.
type Leave struct {
	Sockets     int  `default:"2000" help:"How many sockets leave. Default ${default}."`
	Concurrency int  `default:"200" help:"How many of them are opened at a time. Default ${default}."`
	Abrupt      bool `help:"They are just gone, without a goodbye."`
}

// Name is leave.
func (*Leave) Name() string { return "leave" }

// Check implements [Scenario].
func (l *Leave) Check(config Config) error {
	return errors.Join(atLeast("sockets", l.Sockets, 1),
		atLeast("concurrency", l.Concurrency, 1),
		config.room(l.Sockets, 0))
}

func (l *Leave) herds() []int { return []int{l.Sockets} }

func (l *Leave) play(ctx context.Context, s *scene) (*result, error) {
	h, err := s.connected(ctx, l.Sockets, l.Concurrency)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	t, err := h.do(ctx, step{Do: doLeave, Abrupt: l.Abrupt})
	if err != nil {
		return nil, err
	}
	r := &result{}
	r.note("all sockets ended", "s", t.Took.Seconds())
	r.noteLatency("goodbye", &t.Latency)
	if s.server.token != "" { // the bare server has no list
		if err := l.await(ctx, s, r, began); err != nil {
			return nil, err
		}
	}
	r.noteFailures(&t)
	return r, nil
}

// await waits until the list and the tables are empty.
func (l *Leave) await(ctx context.Context, s *scene, r *result, began time.Time) error {
	err := until(ctx, "the list to be empty", func() (bool, error) {
		n, err := s.server.sessions(ctx)
		return n == 0, err
	})
	if err != nil {
		return err
	}
	online, err := s.server.online(ctx)
	if err == nil && online > 0 {
		err = fmt.Errorf("there are no sessions, and yet %d users are listed", online)
	}
	if err != nil {
		return err
	}
	r.note("list empty", "s", time.Since(began).Seconds())
	if s.crowd == nil {
		return nil // the tables of a server that runs elsewhere are not ours
	}
	err = until(ctx, "the tables to be empty", func() (bool, error) {
		n, err := s.crowd.sessions(ctx)
		return n == 0, err
	})
	if err == nil {
		r.note("tables empty", "s", time.Since(began).Seconds())
	}
	return err
}
