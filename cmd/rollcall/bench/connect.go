package bench

import (
	"context"
	"errors"
)

// Connect opens sockets, and measures how many are greeted a second: their rows
// are committed then.
type Connect struct {
	Sockets     int `default:"2000" help:"How many sockets are opened. Default ${default}."`
	Concurrency int `default:"200" help:"How many are on their way at a time. Default ${default}."`
}

// Name is connect.
func (*Connect) Name() string { return "connect" }

// Check implements [Scenario].
func (c *Connect) Check(config Config) error {
	return errors.Join(atLeast("sockets", c.Sockets, 1),
		atLeast("concurrency", c.Concurrency, 1),
		config.room(c.Sockets, 0))
}

func (c *Connect) herds() []int { return []int{c.Sockets} }

func (c *Connect) play(ctx context.Context, s *scene) (*result, error) {
	h, err := s.gather(ctx)
	if err != nil {
		return nil, err
	}
	var t tally
	work, err := s.working(func() (err error) {
		t, err = h.do(ctx, step{Do: doConnect, Count: c.Sockets, Concurrency: c.Concurrency})
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &result{}
	r.note("connects", "1/s", t.rate())
	r.noteLatency("greeting", &t.Latency)
	work.note(r, "a connect", t.Done)
	r.noteFailures(&t)
	return r, nil
}
