package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/transport"
)

const (
	// drainTimeout bounds the end after a signal: every socket closed and every
	// row gone. What is left then is left to the lease, which is said.
	drainTimeout = 7 * time.Second
	// lingerTimeout bounds how long closed sockets may take to say goodbye.
	lingerTimeout = 2 * time.Second
	// leaveTimeout bounds the last statement of a node.
	leaveTimeout = 1 * time.Second
)

// serveCmd is the server.
type serveCmd struct{ settings }

// Run serves until a signal or a failure that nothing mends.
func (c *serveCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	db, err := awaitDatabase(ctx, s.Database, c.DatabaseWait, c.Migrate, log)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what matters is committed
	// The port first: whoever cannot have it must not take the name of the
	// server that does.
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", c.Listen, err)
	}
	defer func() { _ = listener.Close() }() // by then it is closed, unless something failed
	node, err := c.join(ctx, db, listener.Addr().String())
	if err != nil {
		return err
	}
	if c.Demo {
		if err := demo(ctx, db, std.out, "http://"+reachable(listener.Addr().String())); err != nil {
			return err
		}
	}
	return c.serve(ctx, listener, db, node, log)
}

// reachable is an address that a browser on this machine can open: a server
// that listens on all of them has none of its own.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort("localhost", port)
}

// join takes the node's name, and removes what its predecessor left.
func (c *serveCmd) join(ctx context.Context, db *persistence.Database, address string) (*persistence.Node, error) {
	name, err := c.nodeName(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	return db.Join(ctx, persistence.NodeConfig{
		Name:       name,
		Lease:      c.Lease,
		Match:      persistence.EmailMatch(c.EmailMatch),
		HistoryFor: c.HistoryFor,
	})
}

func (c *serveCmd) serve(ctx context.Context, l net.Listener, db *persistence.Database, node *persistence.Node, log *slog.Logger) error {
	most, err := c.maxConnections()
	if err != nil {
		return err
	}
	presence := actors.Start(actors.Config{
		Store:    node,
		Logger:   log,
		Policy:   c.Sessions,
		Lease:    c.Lease,
		FoldCase: c.EmailMatch == string(persistence.MatchCasefold),
	})
	defer presence.Stop()
	server := transport.New(transport.Config{
		Presence: presence, Tokens: db, Logger: log, Node: node.Name(),
		MaxMessage: int64(c.MaxMessage), MaxMessageRate: c.MaxMessageRate,
		MaxConnections: most, MaxConnectionsPerAddress: c.MaxConnectionsPerAddress,
		PingInterval: c.PingInterval, PongTimeout: c.PongTimeout, ConnectTimeout: c.ConnectTimeout,
	})
	defer server.Close()
	log.Info("serving", "address", l.Addr().String(), "node", node.Name(), "epoch", node.Epoch(), "max_connections", most)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	select {
	case err := <-served:
		if !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serving on %s: %w", l.Addr(), err)
		}
		return nil
	case <-presence.Done():
		return c.giveUp(server, presence)
	case <-ctx.Done():
		return c.drain(server, presence, node, log)
	}
}

// giveUp ends a server whose presence has failed. Its sockets are being closed.
func (c *serveCmd) giveUp(server *transport.Server, presence *actors.Presence) error {
	ctx, cancel := context.WithTimeout(context.Background(), lingerTimeout)
	defer cancel()
	_ = server.Shutdown(ctx) // either way the process ends, and the cause is known
	_ = server.Wait(ctx)
	return presence.Err()
}

// drain ends the server in order: nobody comes in, everybody goes out, and
// their rows with them.
func (c *serveCmd) drain(server *transport.Server, presence *actors.Presence, node *persistence.Node, log *slog.Logger) error {
	log.Info("draining")
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	closing := make(chan error, 1)
	go func() { closing <- server.Shutdown(ctx) }() // stops accepting at once
	drained := presence.Drain(ctx, rollcall.CloseGoingAway)
	if drained != nil {
		log.Warn("rows are left to the lease", "error", drained)
	}
	linger, cancelLinger := context.WithTimeout(context.Background(), lingerTimeout)
	defer cancelLinger()
	if err := server.Wait(linger); err != nil {
		log.Warn("some clients did not say goodbye", "error", err)
	}
	if err := <-closing; err != nil {
		log.Warn("some requests were cut off", "error", err)
	}
	if drained == nil {
		leave, cancelLeave := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancelLeave()
		if err := node.Leave(leave); err != nil {
			log.Warn("the lease is left to run out", "error", err)
		}
	}
	log.Info("stopped", "took", time.Since(began).Round(time.Millisecond))
	return nil
}
