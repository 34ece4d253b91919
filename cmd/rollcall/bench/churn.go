package bench

import (
	"context"
	"errors"
	"time"
)

// Churn lets sockets leave and others come at a steady rate, and measures how
// long those wait for their greeting.
type Churn struct {
	Sockets     int           `default:"1000" help:"How many sockets are open all the time. Default ${default}."`
	Concurrency int           `default:"200" help:"How many of them are opened at a time, at first. Default ${default}."`
	Rate        float64       `default:"500" help:"How many leave, and how many come, each second. Default ${default}."`
	For         time.Duration `default:"5s" help:"For how long. Default ${default}."`
	Abrupt      bool          `help:"They are just gone, without a goodbye."`
}

// Name is churn.
func (*Churn) Name() string { return "churn" }

// Check implements [Scenario].
func (c *Churn) Check(config Config) error {
	return errors.Join(atLeast("sockets", c.Sockets, 1),
		atLeast("concurrency", c.Concurrency, 1),
		more("rate", c.Rate),
		lasts("for", c.For),
		config.room(c.Sockets, 0))
}

func (c *Churn) herds() []int { return []int{c.Sockets} }

func (c *Churn) play(ctx context.Context, s *scene) (*result, error) {
	h, err := s.connected(ctx, c.Sockets, c.Concurrency)
	if err != nil {
		return nil, err
	}
	var t tally
	work, err := s.working(func() (err error) {
		t, err = h.do(ctx, step{Do: doChurn, Rate: c.Rate, For: c.For, Abrupt: c.Abrupt})
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &result{}
	r.note("exchanges", "1/s", t.rate())
	r.noteLatency("greeting", &t.Latency)
	work.note(r, "an exchange", t.Done)
	r.note("late", "", float64(t.Late))
	r.noteFailures(&t)
	return r, nil
}
