package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// openAtOnce is how many watchers take their snapshot at a time.
	openAtOnce = 50
	// aloneFor is how long the churn is measured while nobody watches, at the most.
	aloneFor = 3 * time.Second
)

var errNoStream = errors.New("--baseline is not for watch: the bare server has nothing to watch")

// Watch has many follow a crowd of users of whom some leave and others come, and
// measures how long it takes until each of them has read of it. Every watcher must be
// told of everything, once and in order.
type Watch struct {
	Watchers    int           `default:"1000" help:"How many watch. A server has places for 1,000 unless it is given --max-watchers. Default ${default}."`
	Online      int           `default:"10000" help:"How many users are online. Default ${default}."`
	Concurrency int           `default:"200" help:"How many of them connect at a time. Default ${default}."`
	Rate        float64       `default:"250" help:"How many of them leave, and how many come, each second: twice as many events. Default ${default}."`
	For         time.Duration `default:"10s" help:"For how long. Default ${default}."`
}

// Name is watch.
func (*Watch) Name() string { return "watch" }

// Check implements [Scenario].
func (w *Watch) Check(config Config) error {
	if config.Baseline {
		return errNoStream
	}
	return errors.Join(atLeast("watchers", w.Watchers, 1),
		atLeast("online", w.Online, 1),
		atLeast("concurrency", w.Concurrency, 1),
		more("rate", w.Rate),
		lasts("for", w.For),
		config.room(w.Online, w.Watchers))
}

// herds are those who are online, and those who watch.
func (w *Watch) herds() []int { return []int{w.Online, w.Watchers} }

func (w *Watch) play(ctx context.Context, s *scene) (*result, error) {
	online, err := s.connected(ctx, w.Online, w.Concurrency)
	if err != nil {
		return nil, err
	}
	// The connects' own work ends a little after them.
	if _, err := online.do(ctx, step{Do: doHold, For: min(w.For, settling)}); err != nil {
		return nil, err
	}
	churn := step{Do: doChurn, Rate: w.Rate, For: min(w.For, aloneFor)}
	var unseen tally
	alone, err := s.working(func() (err error) {
		unseen, err = online.do(ctx, churn)
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &result{}
	watchers, err := w.open(ctx, s, r)
	if err != nil {
		return nil, err
	}
	churn.For = w.For
	var tallies []tally
	watched, err := s.working(func() (err error) {
		tallies, err = together(ctx, deal{watchers, step{Do: doWatch, For: w.For}}, deal{online, churn})
		return err
	})
	if err != nil {
		return nil, err
	}
	told, changed := tallies[0], tallies[1]
	r.note("exchanges", "1/s", changed.rate())
	r.note("events told", "1/s", told.rate())
	r.noteLatency("event", &told.Latency)
	if told.Done > 0 {
		r.note("size of an event", "B", float64(told.Bytes)/float64(told.Done))
	}
	if s.server.pid != 0 {
		// The one is no part of the other: a server that has less to do commits more
		// often, each time for fewer.
		r.note("CPU of one core, nobody watching", "%", 100*alone.server.Seconds()/unseen.Took.Seconds())
		r.note("CPU of one core, watched", "%", 100*watched.server.Seconds()/told.Took.Seconds())
	}
	watched.note(r, "an event told", told.Done)
	r.note("late", "", float64(changed.Late))
	told.add(unseen)
	told.add(changed)
	r.noteFailures(&told)
	return r, nil
}

// open begins the streams, and notes what each takes while nothing happens.
func (w *Watch) open(ctx context.Context, s *scene, r *result) (*herd, error) {
	h, err := s.gather(ctx)
	if err != nil {
		return nil, err
	}
	var before, after footprint
	if s.server.pid != 0 {
		if before, err = s.footprint(ctx); err != nil {
			return nil, err
		}
	}
	t, err := h.do(ctx, step{Do: doOpen, Count: w.Watchers, Concurrency: openAtOnce})
	if err == nil && t.failures() > 0 {
		err = fmt.Errorf("%d of %d streams did not begin: %s", t.failures(), w.Watchers, t.causes())
	}
	if err != nil {
		return nil, err
	}
	r.noteLatency("snapshot", &t.Latency)
	if s.server.pid == 0 {
		return h, nil
	}
	if after, err = s.footprint(ctx); err != nil {
		return nil, err
	}
	r.note("RSS a watcher", "B", float64(after.resident-before.resident)/float64(w.Watchers))
	if s.server.profile != "" {
		r.note("stacks a watcher", "B", float64(after.stacks-before.stacks)/float64(w.Watchers))
	}
	return h, nil
}
