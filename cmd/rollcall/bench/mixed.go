package bench

import (
	"context"
	"time"
)

// Mixed does all at once: some sockets talk, others come and go, and the list is
// asked for.
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
	var tallies []tally
	work, err := s.working(func() (err error) {
		tallies, err = together(ctx,
			deal{talking, step{Do: doEcho, Depth: 1, Size: burstSize, Every: m.Every, For: m.For}},
			deal{passing, step{Do: doChurn, Rate: m.Rate, For: m.For}},
			deal{asking, step{Do: doAsk, Count: m.Connections, Variant: askGzip, For: m.For}},
		)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &result{}
	var all tally
	for n, what := range []struct{ rate, latency string }{
		{"replies", "reply"}, {"exchanges", "greeting"}, {"answers", "answer"},
	} {
		r.note(what.rate, "1/s", tallies[n].rate())
		r.noteLatency(what.latency, &tallies[n].Latency)
		all.add(tallies[n])
	}
	r.note("late", "", float64(all.Late))
	if s.server.pid != 0 {
		r.note("CPU of one core", "%", 100*work.server.Seconds()/all.Took.Seconds())
	}
	r.noteFailures(&all)
	return r, nil
}
