package bench

import (
	"context"
	"errors"
	"time"
)

// settling is how long the server is left alone after the connects: what they
// needed is no longer in use then.
const settling = 2 * time.Second

// givingBack is how long the server may take to give back the memory of the connects,
// which is their work, and not that of idle sockets.
const givingBack = 20 * time.Second

// Idle holds sockets that do nothing, and measures what each of them takes: the
// slope between two counts, which leaves out what the server takes for itself.
type Idle struct {
	From        int           `default:"5000" help:"How many sockets are held first: enough that they, and not what is left of the connects, fill the memory. Default ${default}."`
	To          int           `default:"15000" help:"And how many then. Default ${default}."`
	Concurrency int           `default:"200" help:"How many of them are opened at a time. Default ${default}."`
	For         time.Duration `default:"25s" help:"How long they are idle, both times: longer than the ping interval, and than it takes a server to give memory back. Default ${default}."`
	Burst       int           `default:"0" help:"Then every socket has so many messages under way for a moment, and the memory is read once more. Default ${default}: not at all."`
	After       time.Duration `default:"60s" help:"How long after that. Default ${default}."`
}

// burstFor is how long that moment is.
const burstFor = 2 * time.Second

// burstSize is how many characters a message of it has.
const burstSize = 32

// pingsFigure is the figure that ought not to be zero.
const pingsFigure = "pings"

// Name is idle.
func (*Idle) Name() string { return "idle" }

// Check implements [Scenario].
func (i *Idle) Check(config Config) error {
	return errors.Join(atLeast("from", i.From, 1),
		atLeast("to", i.To, i.From+1),
		atLeast("concurrency", i.Concurrency, 1),
		atLeast("burst", i.Burst, 0),
		lasts("for", i.For),
		lasts("after", i.After),
		config.room(i.To, 0))
}

func (i *Idle) herds() []int { return []int{i.To} }

func (i *Idle) play(ctx context.Context, s *scene) (*result, error) {
	if s.server.pid == 0 {
		return nil, errNoProcess
	}
	h, err := s.connected(ctx, i.From, i.Concurrency)
	if err != nil {
		return nil, err
	}
	before, _, err := i.rest(ctx, s, h, i.For)
	if err != nil {
		return nil, err
	}
	if err := s.more(ctx, h, i.To-i.From, i.Concurrency); err != nil {
		return nil, err
	}
	// The connects' own work ends a while after them.
	if _, err := h.do(ctx, step{Do: doHold, For: min(i.For, givingBack)}); err != nil {
		return nil, err
	}
	after, held, err := i.rest(ctx, s, h, i.For)
	if err != nil {
		return nil, err
	}
	r := &result{}
	more := float64(i.To - i.From)
	r.note("RSS a socket", "B", float64(after.resident-before.resident)/more)
	r.note("PSS a socket", "B", float64(after.own-before.own)/more)
	if s.server.profile != "" {
		r.note("heap in use a socket", "B", float64(after.inUse-before.inUse)/more)
		r.note("stacks a socket", "B", float64(after.stacks-before.stacks)/more)
	}
	r.note("kernel's buffers a socket, both ends", "B", float64(after.kernel-before.kernel)/more)
	r.note("RSS", "MB", float64(after.resident)/(1<<20))
	r.note("threads", "", float64(after.threads))
	r.note("CPU of one core, idle", "%", 100*held.work.server.Seconds()/held.Took.Seconds())
	r.note(pingsFigure, "", float64(held.Pings))
	if i.Burst > 0 {
		if err := i.burst(ctx, s, h, r, before); err != nil {
			return nil, err
		}
	}
	r.noteFailures(&held.tally)
	return r, nil
}

// worked is a tally with what the server's threads did meanwhile.
type worked struct {
	tally
	work effort
}

// rest holds the sockets, and reads what the server takes at its end.
func (i *Idle) rest(ctx context.Context, s *scene, h *herd, length time.Duration) (f footprint, held worked, err error) {
	held.work, err = s.working(func() (err error) {
		held.tally, err = h.do(ctx, step{Do: doHold, For: length})
		return err
	})
	if err != nil {
		return f, held, err
	}
	f, err = s.footprint(ctx)
	return f, held, err
}

// burst has all sockets talk, and looks what is left of it afterwards.
func (i *Idle) burst(ctx context.Context, s *scene, h *herd, r *result, before footprint) error {
	t, err := h.do(ctx, step{Do: doEcho, Depth: i.Burst, Size: burstSize, For: burstFor})
	if err != nil {
		return err
	}
	r.note("replies in the burst", "1/s", t.rate())
	after, _, err := i.rest(ctx, s, h, i.After)
	if err != nil {
		return err
	}
	r.note("RSS a socket, after the burst", "B", float64(after.resident-before.resident)/float64(i.To-i.From))
	return nil
}
