// Package actors is who is here: the registry, its sessions and its writer, as
// actors. It is the only importer of protoactor-go; [Presence] is the door that
// the rest of the server uses.
package actors

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

const (
	// maxWaiting bounds the connects that wait for the database; the next one
	// is told to try again later.
	maxWaiting = 1 << 16
	// askAgain is how long a question or a Drain may go unanswered before it is
	// repeated: the registry may have crashed on the first.
	askAgain = time.Second
)

// Role names a kind of actor.
type Role string

// The roles.
const (
	RoleRegistry Role = "registry"
	RoleWriter   Role = "writer"
	RoleSweeper  Role = "sweeper"
	RoleSession  Role = "session"
)

// Config is what presence needs to begin.
type Config struct {
	Store  rollcall.Store  // where rows go
	Logger *slog.Logger    // never sees an e-mail above level debug
	Policy rollcall.Policy // default many
	Lease  time.Duration   // of the Store's node; renewed three times in it
	Grace  time.Duration   // how long after a last session its user may come back as if never gone
	// FoldCase makes e-mails that differ only in case one user. The Store must
	// be of the same mind.
	FoldCase bool
	// Props are added to the props of each actor of a role: the place where a
	// test puts middleware to inject faults.
	Props map[Role][]actor.PropsOption
}

func (c Config) props(role Role, own ...actor.PropsOption) []actor.PropsOption {
	return append(own, c.Props[role]...)
}

func (c Config) key() func(rollcall.Email) rollcall.Email {
	if c.FoldCase {
		return rollcall.Email.Fold
	}
	return func(e rollcall.Email) rollcall.Email { return e }
}

// Presence implements [rollcall.Presence], [rollcall.Watching] and
// [rollcall.Reaching] with actors.
type Presence struct {
	config   Config
	system   *actor.ActorSystem
	registry *actor.PID
	waiting  atomic.Int64
	steps    steps
	beats    beats
	clock    *time.Ticker
	window   *window
	failed   atomic.Pointer[error]
	done     chan struct{}
	finish   sync.Once
	working  context.Context // of what the actors ask of the database
	cancel   context.CancelFunc
}

var (
	_ rollcall.Presence = (*Presence)(nil)
	_ rollcall.Watching = (*Presence)(nil)
	_ rollcall.Reaching = (*Presence)(nil)
)

var errStopped = errors.New("presence has stopped")

// Start begins with nobody here. The caller ends it with Stop.
func Start(cfg Config) *Presence {
	p := &Presence{config: cfg, window: newWindow(), done: make(chan struct{}), clock: time.NewTicker(tickEvery)}
	p.working, p.cancel = context.WithCancel(context.Background())
	p.system = actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
		return slog.New(onlyErrors{cfg.Logger.Handler()})
	}))
	props := actor.PropsFromProducer(func() actor.Actor { return newRegistry(p) },
		cfg.props(RoleRegistry,
			actor.WithMailbox(newMailbox),
			actor.WithGuardian(registrySupervision{p}),
			actor.WithSupervisor(childSupervision{p}))...)
	p.registry = actor.NewPID(p.system.Address(), registryName)
	if _, err := p.system.Root.SpawnNamed(props, registryName); err != nil {
		panic(err) // the name is free in a new system
	}
	go p.ticks()
	return p
}

// Admit implements [rollcall.Presence].
func (p *Presence) Admit(ctx context.Context, c rollcall.Connect) (rollcall.Session, error) {
	if p.waiting.Add(1) > maxWaiting {
		p.waiting.Add(-1)
		return nil, rollcall.CloseTryAgainLater
	}
	defer p.waiting.Add(-1)
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("naming a session: %w", err)
	}
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("a connect must have a deadline")
	}
	answer := make(chan Answer, 1)
	p.system.Root.Send(p.registry, &Connect{Session: id, Request: c, Deadline: deadline, Answer: answer})
	select {
	case a := <-answer:
		return a.Admitted, a.Refused
	case <-ctx.Done():
		c.Socket.Close(rollcall.CloseTryAgainLater) // so that a session that is admitted now cannot greet
		p.system.Root.Send(p.registry, &Abandon{Session: id})
		return nil, rollcall.CloseTryAgainLater
	case <-p.done:
		return nil, rollcall.CloseRestarting
	}
}

// Snapshot implements [rollcall.Presence].
func (p *Presence) Snapshot(ctx context.Context) (rollcall.Snapshot, error) {
	s, err := ask(ctx, p, func(answer chan<- rollcall.Snapshot) any { return &Ask{Answer: answer} })
	if err != nil {
		return s, fmt.Errorf("asking the registry who is here: %w", err)
	}
	return s, nil
}

// ask puts a question to the registry until it is answered: the registry may have
// crashed on the first.
func ask[T any](ctx context.Context, p *Presence, question func(chan<- T) any) (none T, err error) {
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for ctx.Err() == nil { // else an answer that is faster would win now and then
		answer := make(chan T, 1)
		p.system.Root.Send(p.registry, question(answer))
		select {
		case a := <-answer:
			return a, nil
		case <-again.C:
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-p.done:
			return none, errStopped
		}
	}
	return none, context.Cause(ctx)
}

// Health implements [rollcall.Presence]. It asks once: an answer that a crash
// has swallowed is no good sign either.
func (p *Presence) Health(ctx context.Context) rollcall.Health {
	if p.Err() != nil {
		return rollcall.Health{Obstacle: rollcall.ObstacleFailed}
	}
	answer := make(chan rollcall.Health, 1)
	p.system.Root.Send(p.registry, &Examine{Answer: answer})
	select {
	case h := <-answer:
		return h
	case <-ctx.Done():
		return rollcall.Health{Obstacle: rollcall.ObstacleSilent}
	case <-p.done:
		return rollcall.Health{Obstacle: rollcall.ObstacleFailed}
	}
}

// Drain admits nobody any more, ends every session with the close, and waits
// until their rows are gone. When the context ends first, the rows are left to
// the lease, and the error says so.
func (p *Presence) Drain(ctx context.Context, why rollcall.Close) error {
	done := make(chan struct{}, 1)
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for {
		p.system.Root.Send(p.registry, &Drain{Close: why, Done: done})
		select {
		case <-done:
			return nil
		case <-again.C:
		case <-p.done:
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("removing the rows of the sessions that ended (the lease will): %w", context.Cause(ctx))
		}
	}
}

// Stop ends all actors, and with them what the database was asked for. It is not
// Drain: rows stay.
func (p *Presence) Stop() {
	p.cancel()
	p.finish.Do(func() { close(p.done) })
	_ = p.system.Root.StopFuture(p.registry).Wait() // at most ten seconds
	p.system.Shutdown()
}

// Done is closed when presence has ended: stopped, or failed with Err.
func (p *Presence) Done() <-chan struct{} { return p.done }

// Err is why presence cannot go on: [ErrGaveUp], [rollcall.ErrSuperseded], or
// nil while it can.
func (p *Presence) Err() error {
	if err := p.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// fail ends presence for a reason, unless it has ended already.
func (p *Presence) fail(err error) {
	p.finish.Do(func() {
		p.failed.Store(&err)
		close(p.done)
	})
}

// door is the rest of the server's hand on one session.
type door struct {
	root *actor.RootContext
	pid  *actor.PID
}

// Receive implements [rollcall.Session].
func (d *door) Receive(f rollcall.Frame) { d.root.Send(d.pid, &Received{Frame: f}) }

// Leave implements [rollcall.Session].
func (d *door) Leave() { d.root.Send(d.pid, &Gone{}) }
