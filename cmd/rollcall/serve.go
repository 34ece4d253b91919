package main

import (
	"context"
	"log/slog"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
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
	r, err := c.receive(log)
	if err != nil {
		return err
	}
	defer r.close()
	serving, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	go func() { fail(r.serve()) }()

	db, node, err := c.vigil(s.Database, r.name, r.address, log).keep(serving)
	switch {
	case ctx.Err() != nil && err != nil:
		log.Info("stopped before it served", "address", r.address)
		return nil
	case err != nil:
		return err
	}
	defer part(db)
	if c.Demo {
		// After a signal the drain goes on from here: the name is taken.
		if err := demo(serving, db, std.out, "http://"+reachable(r.address)); err != nil && ctx.Err() == nil {
			return err
		}
	}
	presence := c.presence(node, log)
	defer presence.Stop()
	defer r.server.Close() // first: sockets must not outlive whom they speak to
	r.door.open(presence, db, node)
	collectLess()
	go giveMemoryBack(serving)
	stopPosting, err := c.post(serving, node, log)
	if err != nil {
		return err
	}
	defer stopPosting()
	r.announce(node.Epoch())
	select {
	case <-presence.Done():
		return giveUp(hurried, r.server, presence)
	case <-serving.Done():
		if ctx.Err() == nil {
			return context.Cause(serving)
		}
		drain(hurried, r.server, presence, node, log)
		return nil
	}
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
