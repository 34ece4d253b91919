package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/transport"
)

// serveCmd is the server.
type serveCmd struct {
	settings

	// base is what presence is configured with besides the settings: the place
	// where a test of the whole program puts its faults.
	base actors.Config `kong:"-"`
}

// Run serves until a signal or a failure that nothing mends. It listens before it
// has a database: a server that waits for one is alive and says so.
func (c *serveCmd) Run(ctx context.Context, s *shared, std *streams, log *slog.Logger) error {
	hurried, stop := hurry()
	defer stop()
	most, watchers, err := c.places()
	if err != nil {
		return err
	}
	// The port first: whoever cannot have it must not take the name of the
	// server that does.
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", c.Listen, err)
	}
	defer func() { _ = listener.Close() }() // by then it is closed, unless something failed
	address := listener.Addr().String()
	name, err := c.nodeName(address)
	if err != nil {
		return err
	}
	stopProfiles, err := serveProfiles(c.Pprof, log)
	if err != nil {
		return err
	}
	defer stopProfiles()
	door := &entrance{}
	server := c.transport(door, name, most, watchers, log)
	defer server.Close()
	serving, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	go func() { fail(fmt.Errorf("serving on %s: %w", address, server.Serve(listener))) }()

	db, node, err := c.vigil(s.Database, name, address, log).keep(serving)
	switch {
	case ctx.Err() != nil && err != nil:
		log.Info("stopped before it served", "address", address)
		return nil
	case err != nil:
		return err
	}
	defer part(db)
	if c.Demo {
		// After a signal the drain goes on from here: the name is taken.
		if err := demo(serving, db, std.out, "http://"+reachable(address)); err != nil && ctx.Err() == nil {
			return err
		}
	}
	presence := c.presence(node, log)
	defer presence.Stop()
	defer server.Close() // first: sockets must not outlive whom they speak to
	door.open(presence, db, node)
	collectLess()
	go giveMemoryBack(serving)
	stopPosting, err := c.post(serving, node, log)
	if err != nil {
		return err
	}
	defer stopPosting()
	log.Info("serving", "address", address, "node", name, "epoch", node.Epoch(), "max_connections", most, "max_watchers", watchers)
	select {
	case <-presence.Done():
		return giveUp(hurried, server, presence)
	case <-serving.Done():
		if ctx.Err() == nil {
			return context.Cause(serving)
		}
		drain(hurried, server, presence, node, log)
		return nil
	}
}

func (c *serveCmd) transport(door *entrance, name string, most, watchers int, log *slog.Logger) *transport.Server {
	return transport.New(transport.Config{
		Presence: door, Watching: door, Reaching: door, History: door, Tokens: door,
		Logger: log, Node: name,
		FoldCase:   c.EmailMatch == string(persistence.MatchCasefold),
		MaxMessage: int64(c.MaxMessage), MaxMessageRate: c.MaxMessageRate,
		MaxConnections: most, MaxConnectionsPerAddress: c.MaxConnectionsPerAddress,
		MaxWatchers:  watchers,
		PingInterval: c.PingInterval, PongTimeout: c.PongTimeout, ConnectTimeout: c.ConnectTimeout,
		Reader: c.Reader,
	})
}

func (c *serveCmd) vigil(url, name, address string, log *slog.Logger) *vigil {
	return &vigil{
		url: url, wait: c.DatabaseWait, migrate: c.Migrate, address: address, log: log,
		node: persistence.NodeConfig{
			Name: name, Lease: c.Lease, Match: persistence.EmailMatch(c.EmailMatch), HistoryFor: c.HistoryFor,
			Announce: c.WebhookURL != nil,
		},
	}
}

func (c *serveCmd) presence(node *persistence.Node, log *slog.Logger) *actors.Presence {
	config := c.base
	config.Store, config.Logger = node, log
	config.Policy, config.Lease, config.Grace = c.Sessions, c.Lease, c.Grace
	config.FoldCase = c.EmailMatch == string(persistence.MatchCasefold)
	return actors.Start(config)
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
