package bench

import (
	"context"
	"errors"
	"time"
)

// Echo has every socket send messages, and measures the replies.
type Echo struct {
	Sockets     int           `default:"100" help:"How many sockets send. Default ${default}."`
	Concurrency int           `default:"200" help:"How many of them are opened at a time. Default ${default}."`
	Depth       int           `default:"1" help:"How many messages each has under way. Default ${default}."`
	Size        int           `default:"32" help:"How many characters a message has. Default ${default}."`
	For         time.Duration `default:"5s" help:"How long they send. Default ${default}."`
	Every       time.Duration `help:"Send one message at that interval on each socket, instead of the next with each reply."`
}

// Name is echo.
func (*Echo) Name() string { return "echo" }

// Check implements [Scenario].
func (e *Echo) Check(config Config) error {
	err := errors.Join(atLeast("sockets", e.Sockets, 1),
		atLeast("concurrency", e.Concurrency, 1),
		atLeast("depth", e.Depth, 1),
		atLeast("size", e.Size, 0),
		lasts("for", e.For),
		config.room(e.Sockets, 0))
	if e.Every != 0 {
		err = errors.Join(err, lasts("every", e.Every))
	}
	return err
}

func (e *Echo) herds() []int { return []int{e.Sockets} }

func (e *Echo) play(ctx context.Context, s *scene) (*result, error) {
	h, err := s.connected(ctx, e.Sockets, e.Concurrency)
	if err != nil {
		return nil, err
	}
	var t tally
	work, err := s.working(func() (err error) {
		t, err = h.do(ctx, step{Do: doEcho, Depth: e.Depth, Size: e.Size, For: e.For, Every: e.Every})
		return err
	})
	if err != nil {
		return nil, err
	}
	r := &result{}
	r.note("replies", "1/s", t.rate())
	r.noteLatency("reply", &t.Latency)
	work.note(r, "a reply", t.Done)
	if e.Every > 0 {
		r.note("late", "", float64(t.Late))
	}
	r.noteFailures(&t)
	return r, nil
}
