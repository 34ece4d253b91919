package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/transport"
)

const (
	// drainTimeout bounds the end after a signal: every socket closed and every
	// row gone. What is left then is left to the lease, which is said.
	drainTimeout = 6 * time.Second
	// lingerTimeout bounds how long closed sockets may take to say goodbye.
	lingerTimeout = 2 * time.Second
	// hurriedTimeout is what is left, after a second signal, to tell every client
	// that the server goes away, and then to give up the lease. Whoever has not been
	// told by then is cut off.
	hurriedTimeout = 500 * time.Millisecond
	// leaveTimeout bounds the last statement of a node.
	leaveTimeout = 1 * time.Second
	// partTimeout bounds the goodbye to the database: one that is frozen would keep
	// the process for seconds for each connection. What matters is committed.
	partTimeout = 500 * time.Millisecond
)

// errHurried is why a drain ended before its time.
var errHurried = errors.New("a second signal came")

// hurry returns a context that ends with the second signal from now on: the first
// asks for an order that takes its time, and who repeats it does not want to wait.
// The third has its usual effect.
func hurry() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer signal.Stop(signals)
		for range cap(signals) {
			select {
			case <-signals:
			case <-ctx.Done():
				return
			}
		}
		cancel(errHurried)
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// within ends after so long, and soon after the drain is hurried: what it bounds is
// owed to clients and other servers, and takes no time when all is well.
func within(hurried context.Context, most time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(hurried), most)
	stop := context.AfterFunc(hurried, func() { time.AfterFunc(hurriedTimeout, cancel) })
	return ctx, func() {
		stop()
		cancel()
	}
}

// drain ends the server in order: nobody comes in, everybody goes out, and
// their rows with them. The end of hurried cuts it short: rows may be left then, but
// no client that was not told.
func drain(
	hurried context.Context, server *transport.Server, presence *actors.Presence, node *persistence.Node, log *slog.Logger,
) {
	log.Info("draining")
	began := time.Now()
	ctx, cancel := context.WithTimeout(hurried, drainTimeout)
	defer cancel()
	closing := make(chan error, 1)
	go func() { closing <- server.Shutdown(ctx) }() // stops accepting at once
	drained := presence.Drain(ctx, rollcall.CloseGoingAway)
	if drained != nil {
		log.Warn("rows are left to the lease", "error", drained)
	}
	linger, cancelLinger := within(hurried, lingerTimeout)
	defer cancelLinger()
	if err := server.Wait(linger); err != nil {
		log.Warn("some clients did not say goodbye", "error", err)
	}
	if err := <-closing; err != nil {
		log.Warn("some requests were cut off", "error", err)
	}
	if drained == nil {
		leave, cancelLeave := within(hurried, leaveTimeout)
		defer cancelLeave()
		if err := node.Leave(leave); err != nil {
			log.Warn("no row is left, but the lease is, until it runs out", "error", err)
		}
	}
	log.Info("stopped", "took", time.Since(began).Round(time.Millisecond))
}

// giveUp ends a server whose presence has failed. Its sockets are being closed.
func giveUp(hurried context.Context, server *transport.Server, presence *actors.Presence) error {
	ctx, cancel := context.WithTimeout(hurried, lingerTimeout)
	defer cancel()
	_ = server.Shutdown(ctx) // either way the process ends, and the cause is known
	_ = server.Wait(ctx)
	return presence.Err()
}

// part closes the database, or leaves that to the end of the process.
func part(db *persistence.Database) {
	done := make(chan struct{})
	go func() {
		_ = db.Close() // what matters is committed
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(partTimeout):
	}
}
