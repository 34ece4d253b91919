package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
	"github.com/rollcall/rollcall/transport"
)

// countedLease lets a server count its rows every second, which it does three times
// in a lease.
const countedLease = 3 * time.Second

// inside is the wiring of a server in the process of the test, between a database
// and a listener that the test makes.
type inside struct {
	db             *persistence.Database
	listener       net.Listener
	lease          time.Duration
	announce       bool // into the outbox, which nobody posts
	pingInterval   time.Duration
	connectTimeout time.Duration
}

// start serves until the end of the test, and then closes the database too.
func (i inside) start(t *testing.T) *actors.Presence {
	t.Helper()
	node, err := i.db.Join(t.Context(), persistence.NodeConfig{Name: "inside", Lease: i.lease, Announce: i.announce})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	presence := actors.Start(actors.Config{Store: node, Logger: log, Policy: rollcall.PolicyMany, Lease: i.lease})
	server := transport.New(transport.Config{
		Presence: presence, Watching: presence, Tokens: i.db, Logger: log,
		MaxMessage: 1 << 20, MaxConnections: 1000, MaxWatchers: 10,
		PingInterval: i.pingInterval, PongTimeout: 30 * time.Second, ConnectTimeout: i.connectTimeout,
	})
	served := make(chan error, 1)
	go func() { served <- server.Serve(i.listener) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
		presence.Stop()
		if err := i.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return presence
}

// serveInside starts a server in this process, on a database whose statements go
// wrong as the faults say. Its clients and its lists are those of any process.
func (w *world) serveInside(connectTimeout time.Duration) (*process, *persistencetest.Faults) {
	w.Helper()
	connector, dialect, err := persistence.NewConnector(w.url)
	if err != nil {
		w.Fatal(err)
	}
	faults := persistencetest.NewFaults(connector)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	inside{
		db: persistence.OpenConnector(faults, dialect), listener: listener,
		lease: countedLease, announce: true, pingInterval: 20 * time.Second, connectTimeout: connectTimeout,
	}.start(w.T)
	return &process{world: w, address: listener.Addr().String()}, faults
}
