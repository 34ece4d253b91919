package main

import (
	"fmt"
	"log/slog"
	"net"

	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/transport"
)

// reception is what a server has before it has a database: a port, a name, and a
// transport whose door is closed as yet.
type reception struct {
	listener       net.Listener
	address        string
	name           string // of the node
	door           *entrance
	server         *transport.Server
	most, watchers int
	stopProfiles   func()
	log            *slog.Logger
}

// receive takes the port first: whoever cannot have it must not take the name of the
// server that does.
func (c *serveCmd) receive(log *slog.Logger) (r *reception, err error) {
	r = &reception{door: &entrance{}, stopProfiles: func() {}, log: log}
	if r.most, r.watchers, err = c.places(); err != nil {
		return nil, err
	}
	if r.listener, err = net.Listen("tcp", c.Listen); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", c.Listen, err)
	}
	r.address = r.listener.Addr().String()
	if r.name, err = c.nodeName(r.address); err == nil {
		r.stopProfiles, err = serveProfiles(c.Pprof, log)
	}
	if err != nil {
		_ = r.listener.Close()
		return nil, err
	}
	r.server = c.transport(r)
	return r, nil
}

func (c *serveCmd) transport(r *reception) *transport.Server {
	return transport.New(transport.Config{
		Presence: r.door, Watching: r.door, Reaching: r.door, History: r.door, Tokens: r.door,
		Logger: r.log, Node: r.name,
		FoldCase:   c.EmailMatch == string(persistence.MatchCasefold),
		MaxMessage: int64(c.MaxMessage), MaxMessageRate: c.MaxMessageRate,
		MaxConnections: r.most, MaxConnectionsPerAddress: c.MaxConnectionsPerAddress,
		MaxWatchers:  r.watchers,
		PingInterval: c.PingInterval, PongTimeout: c.PongTimeout, ConnectTimeout: c.ConnectTimeout,
		Reader: c.Reader,
	})
}

// serve answers whoever comes, until the transport is closed or fails.
func (r *reception) serve() error {
	return fmt.Errorf("serving on %s: %w", r.address, r.server.Serve(r.listener))
}

// announce says that the door is open.
func (r *reception) announce(epoch int64) {
	r.log.Info("serving", "address", r.address, "node", r.name, "epoch", epoch, "max_connections", r.most, "max_watchers", r.watchers)
}

// close ends what receive began. By then all of it has ended, unless something failed.
func (r *reception) close() {
	r.server.Close()
	r.stopProfiles()
	_ = r.listener.Close()
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
