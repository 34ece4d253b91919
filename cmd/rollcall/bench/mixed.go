package bench

import (
	"context"
	"errors"
	"time"
)

// Mixed does all at once: some sockets talk, others come and go, and the list is
// asked for. Before that it does all but the last, to see what that changes.
type Mixed struct {
	Talking     int           `default:"1000" help:"How many sockets send a message now and then. Default ${default}."`
	Every       time.Duration `default:"1s" help:"How often each does. Default ${default}."`
	Passing     int           `default:"500" help:"How many sockets come and go. Default ${default}."`
	Rate        float64       `default:"100" help:"How many leave, and how many come, each second. Default ${default}."`
	Connections int           `default:"4" help:"How many ask for the list at once. Default ${default}."`
	Concurrency int           `default:"200" help:"How many sockets are opened at a time, at first. Default ${default}."`
	For         time.Duration `default:"5s" help:"For how long. Default ${default}."`
}

// Name is mixed.
func (*Mixed) Name() string { return "mixed" }

// Check implements [Scenario].
func (m *Mixed) Check(config Config) error {
	return errors.Join(atLeast("talking", m.Talking, 1),
		atLeast("passing", m.Passing, 1),
		atLeast("connections", m.Connections, 1),
		atLeast("concurrency", m.Concurrency, 1),
		more("rate", m.Rate),
		lasts("every", m.Every),
		lasts("for", m.For),
		config.room(m.Talking+m.Passing, 0))
}

// herds are those who talk, those who pass, and those who ask.
func (m *Mixed) herds() []int { return []int{m.Talking, m.Passing, m.Connections} }

func (m *Mixed) play(ctx context.Context, s *scene) (*result, error) {
	talking, err := s.connected(ctx, m.Talking, m.Concurrency)
	if err != nil {
		return nil, err
	}
	passing, err := s.connected(ctx, m.Passing, m.Concurrency)
	if err != nil {
		return nil, err
	}
	asking, err := s.gather(ctx)
	if err != nil {
		return nil, err
	}
	deals := []deal{
		{talking, step{Do: doEcho, Depth: 1, Size: burstSize, Every: m.Every, For: m.For}},
		{passing, step{Do: doChurn, Rate: m.Rate, For: m.For}},
		{asking, step{Do: doAsk, Count: m.Connections, Variant: askGzip, For: m.For}},
	}
	r := &result{}
	before, all, err := m.do(ctx, s, r, "before, ", deals[:2])
	if err != nil {
		return nil, err
	}
	then, more, err := m.do(ctx, s, r, "", deals)
	if err != nil {
		return nil, err
	}
	for n, what := range mixture[:2] {
		if rate := before[n].rate(); rate > 0 {
			r.note(what.rate+" kept while the list is asked for", "%", 100*then[n].rate()/rate)
		}
	}
	all.add(more)
	r.note("late", "", float64(all.Late))
	r.noteFailures(&all)
	return r, nil
}

// mixture is what the herds do, in their order.
var mixture = []struct{ rate, latency string }{
	{"replies", "reply"}, {"exchanges", "greeting"}, {"answers", "answer"},
}

// do has some of the herds do their part at the same time.
func (m *Mixed) do(ctx context.Context, s *scene, r *result, when string, deals []deal) (tallies []tally, all tally, err error) {
	work, err := s.working(func() (err error) {
		tallies, err = together(ctx, deals...)
		return err
	})
	if err != nil {
		return nil, all, err
	}
	for n := range tallies {
		r.note(when+mixture[n].rate, "1/s", tallies[n].rate())
		r.noteLatency(when+mixture[n].latency, &tallies[n].Latency)
		all.add(tallies[n])
	}
	if s.server.pid != 0 {
		r.note(when+"CPU of one core", "%", 100*work.server.Seconds()/all.Took.Seconds())
	}
	return tallies, all, nil
}
