package bench

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/transport"
)

const (
	// The server in this process is configured as one is by default.
	insideLease   = 15 * time.Second
	insidePing    = 20 * time.Second
	insidePong    = 30 * time.Second
	insideConnect = 5 * time.Second
	insideMessage = 1 << 20
	// looks is how many snapshots are timed.
	looks = 101
	// mostInMemory is how many clients there are at the most: as many as have been tried.
	mostInMemory = 1_000_000
)

// InMemory holds more clients than the machine could open sockets for: they come
// over connections in memory to a server in this process, which is Rollcall in all
// but the kernel's part.
type InMemory struct {
	Sockets     int           `default:"10000" help:"How many clients come, up to a million. Default ${default}."`
	Concurrency int           `default:"1000" help:"How many are on their way at a time. Default ${default}."`
	For         time.Duration `default:"2s" help:"How long they are idle. Default ${default}."`
}

// Check refuses settings with which there is nothing to measure.
func (m *InMemory) Check(config Config) error {
	for _, one := range []struct {
		flag  string
		given bool
	}{{"server", config.Server != nil}, {"baseline", config.Baseline}, {"with", len(config.Flags) > 0}} {
		if one.given {
			return fmt.Errorf("--%s is not for in-memory: its clients reach only the server in this process, as it is by default", one.flag)
		}
	}
	return errors.Join(atLeast("sockets", m.Sockets, 1),
		atMost("sockets", m.Sockets, mostInMemory),
		atLeast("concurrency", m.Concurrency, 1),
		lasts("for", m.For))
}

// Run does it once, in this process.
func (m *InMemory) Run(ctx context.Context, c Config) (report *Report, err error) {
	b := &bench{Config: c, progress: &progress{out: c.Progress}}
	b.plans = []herdPlan{{workers: 1, users: m.Sockets}}
	done, err := b.prepare(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, done()) }()
	in, err := m.open(ctx, b.crowd.db)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.close(ctx)) }() // before the users go
	r, err := m.measure(ctx, b, in)
	if err != nil {
		return nil, err
	}
	return newReport(c, "in-memory", m, []round{{rollcall: r}}), nil
}

// inside is a server in this process.
type inside struct {
	lobby    *lobby
	node     *persistence.Node
	presence *actors.Presence
	server   *transport.Server
}

func (m *InMemory) open(ctx context.Context, db *persistence.Database) (*inside, error) {
	node, err := db.Join(ctx, persistence.NodeConfig{Name: "bench", Lease: insideLease, Match: persistence.MatchExact, HistoryFor: time.Hour})
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	in := &inside{lobby: newLobby(m.Concurrency), node: node}
	in.presence = actors.Start(actors.Config{Store: node, Logger: log, Policy: rollcall.PolicyMany, Lease: insideLease})
	in.server = transport.New(transport.Config{
		Presence: in.presence, Tokens: db, Logger: log, Node: node.Name(),
		MaxMessage: insideMessage, MaxConnections: m.Sockets,
		PingInterval: insidePing, PongTimeout: insidePong, ConnectTimeout: insideConnect,
	})
	go func() {
		if err := in.server.Serve(in.lobby); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("the server in memory has ended", "error", err)
		}
	}()
	return in, nil
}

// close leaves no session in the tables, also when the bench is interrupted while
// everybody is there.
func (in *inside) close(ctx context.Context) error {
	in.server.Close()
	in.presence.Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return in.node.Leave(ctx)
}

func (m *InMemory) measure(ctx context.Context, b *bench, in *inside) (*result, error) {
	r := &result{}
	for _, step := range []func() error{
		func() error { return m.come(ctx, b, in, r) },
		func() error { return in.look(ctx, r, m.Sockets) },
		func() error { return in.leave(ctx, b, r) },
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	r.note("longest pause of a collection", "ms", milliseconds(longestPause()))
	r.noteFailures(&in.lobby.tally)
	return r, nil
}

// come brings everybody in, and looks what they take: memory that was given back
// meanwhile is what a quiet server gives back, too.
func (m *InMemory) come(ctx context.Context, b *bench, in *inside, r *result) error {
	before := collected()
	peak, err := peakOf(func() error {
		if err := b.during(in, func() error { return in.lobby.admit(ctx, m.Sockets) }); err != nil {
			return err
		}
		return pause(ctx, m.For)
	})
	if err != nil {
		return err
	}
	came := in.lobby.tally
	r.note("connects", "1/s", came.rate())
	r.noteLatency("greeting", &came.Latency)
	after := collected()
	rest, err := readMemory(os.Getpid())
	if err != nil {
		return err
	}
	each := float64(max(in.lobby.count(), 1))
	r.note("heap and stacks a session", "B", float64(after.inUse+after.stacks-before.inUse-before.stacks)/each)
	r.note("stacks a session", "B", float64(after.stacks-before.stacks)/each)
	r.note("RSS while they come, at most", "MB", peak)
	r.note("RSS at rest", "MB", float64(rest.resident)/(1<<20))
	return nil
}

// leave has everybody leave at once.
func (in *inside) leave(ctx context.Context, b *bench, r *result) error {
	peak, err := peakOf(func() error {
		began := time.Now()
		in.lobby.dismiss()
		return b.during(in, func() error { return in.await(ctx, b, r, began) })
	})
	if err != nil {
		return err
	}
	r.note("RSS while they leave, at most", "MB", peak)
	return nil
}

// peakOf is the most memory that is taken while something is done, in MB, that of the
// clients included.
func peakOf(do func() error) (float64, error) {
	if err := forgetPeak(os.Getpid()); err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	m, err := readMemory(os.Getpid())
	return float64(m.peak) / (1 << 20), err
}

// during says every second how many clients are there, while something is done.
func (b *bench) during(in *inside, do func() error) error {
	every := time.NewTicker(newsEvery)
	defer every.Stop()
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case err := <-done:
			return err
		case <-every.C:
			b.progress.say("in memory: %d clients are there", in.lobby.count())
		}
	}
}

// look times snapshots, and wants everybody in them.
func (in *inside) look(ctx context.Context, r *result, want int) error {
	var took latencies
	for range looks {
		began := time.Now()
		s, err := in.presence.Snapshot(ctx)
		if err != nil {
			return fmt.Errorf("take a snapshot: %w", err)
		}
		took.note(time.Since(began))
		if s.Count != want {
			return fmt.Errorf("%d users are online, and not %d: %s", s.Count, want, in.lobby.tally.causes())
		}
	}
	r.note("snapshot p50", "µs", float64(took.quantile(0.5))/float64(time.Microsecond))
	return nil
}

// await waits until nobody is there any more.
func (in *inside) await(ctx context.Context, b *bench, r *result, began time.Time) error {
	err := until(ctx, "the list to be empty", func() (bool, error) {
		s, err := in.presence.Snapshot(ctx)
		return s.Count == 0 && in.lobby.count() == 0, err
	})
	if err != nil {
		return err
	}
	r.note("list empty", "s", time.Since(began).Seconds())
	err = until(ctx, "the tables to be empty", func() (bool, error) {
		n, err := b.crowd.sessions(ctx)
		return n == 0, err
	})
	if err == nil {
		r.note("tables empty", "s", time.Since(began).Seconds())
	}
	return err
}

// collected is what is in use when the garbage is gone, and given back. What one
// collection finalizes, the second one frees.
func collected() heap {
	runtime.GC()
	debug.FreeOSMemory()
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return heap{inUse: int64(samples[0].Value.Uint64()), stacks: int64(samples[1].Value.Uint64())}
}

// longestPause is the longest time that a collection has stopped this process:
// the end of the last bucket that has one.
func longestPause() time.Duration {
	samples := []metrics.Sample{{Name: "/sched/pauses/total/gc:seconds"}}
	metrics.Read(samples)
	all := samples[0].Value.Float64Histogram()
	for n, count := range slices.Backward(all.Counts) {
		if count > 0 {
			return time.Duration(all.Buckets[n+1] * float64(time.Second))
		}
	}
	return 0
}
