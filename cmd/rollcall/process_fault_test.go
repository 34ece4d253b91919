package main

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// shortLease is the lease of servers that are to be swept soon, and deathPromise
// until when their rows are gone.
const (
	shortLease   = "--lease=1s"
	deathPromise = time.Second + healthPromise
)

// The first fault of the seed: a killed server must leave nobody online. Under
// the same name its successor sweeps before it lets anybody in.
func TestKilledServerLeavesNoGhosts(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		p.connectThousand()
		p.signal(syscall.SIGKILL)
		<-p.exited
		if sessions := persistencetest.Sessions(w, w.url); len(sessions) != 1000 {
			t.Fatalf("a killed server cannot clean up, and yet %d sessions of 1000 are left", len(sessions))
		}
		successor := w.serve()
		if rows, sessions := persistencetest.Active(w, w.url), persistencetest.Sessions(w, w.url); len(rows)+len(sessions) != 0 {
			t.Errorf("the successor serves, and %d rows and %d sessions of its predecessor are there", len(rows), len(sessions))
		}
		successor.connect(user(7))
		successor.wantOnline(user(7))
		if reasons := persistencetest.Reasons(w, w.url); len(reasons) != 1000 || reasons[0] != "node lost" {
			t.Errorf("the history has %d endings, the first %.40v", len(reasons), reasons)
		}
	})
}

// Under another name the lease decides. Nothing runs beside this test: under the race
// detector a thousand sessions are more than a second's work for SQLite, and a sweep
// has four.
func TestKilledServersRowsGoWithItsLease(t *testing.T) {
	persistencetest.Databases(t, func(t *testing.T, url string) {
		w := newWorld(t, url)
		p := w.serve(shortLease)
		p.connectThousand()
		other := w.serve(shortLease, "--node=other")
		mine := other.connect(user(599))
		p.signal(syscall.SIGKILL)
		killed := time.Now()
		<-p.exited
		other.wantOnlineIn(deathPromise+slack, user(599))
		t.Logf("1000 sessions with a lease of 1 s were gone %s after the kill", time.Since(killed).Round(time.Millisecond))
		mine.echo("undisturbed")
	})
}

// A server that stands still for longer than its lease is dead to the others,
// and its rows go. When it goes on it writes them again, and its clients have
// noticed nothing but the pause.
//
// It is a test of PostgreSQL alone: a process that is frozen in a commit holds the
// one lock that an SQLite file has, and nobody else can write then.
func TestPausedServerAssertsItsRowsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, persistencetest.Postgres(t))
	p := w.serve(shortLease)
	c := p.connect(user(0))
	other := w.serve(shortLease, "--node=other")
	other.connect(user(1))
	w.wantRows(healthPromise, user(0), user(1))

	p.signal(syscall.SIGSTOP)
	w.wantRows(deathPromise, user(1))
	p.signal(syscall.SIGCONT)
	resumed := time.Now()
	w.wantRows(assertPromise, user(0), user(1))
	t.Logf("the rows were back after %s", time.Since(resumed).Round(time.Millisecond))
	c.echo("undisturbed")
	if listed := p.listed(); !slices.Equal(listed, []string{user(0)}) {
		t.Errorf("the server lists %v", listed)
	}
	if d := w.diagnosis(); !d.Well {
		t.Errorf("afterwards the diagnosis is %+v", d)
	}
}

// SIGTERM in the middle of a storm of connects: whoever was greeted is told to
// go, nobody is greeted and forgotten, and no row is left.
func TestSignalDuringAConnectStormDrainsTheServer(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		var greeted, told atomic.Int64
		var wait sync.WaitGroup
		for n := range 20 {
			wait.Go(func() {
				for i := n; ; i += 20 {
					c, err := p.dial(user(i % worldUsers))
					if err != nil {
						return // the server is gone, or about to be
					}
					wait.Go(func() { p.weather(c, &greeted, &told) })
				}
			})
		}
		w.within("the storm to rage", func() bool { return greeted.Load() > 200 })
		p.signal(syscall.SIGTERM)
		signalled := time.Now()
		p.wantExit(0)
		took := time.Since(signalled)
		wait.Wait()
		t.Logf("%d were greeted; the server ended after %s", greeted.Load(), took.Round(time.Millisecond))
		if greeted.Load() != told.Load() {
			t.Errorf("%d clients were greeted, and %d of them told 1001", greeted.Load(), told.Load())
		}
		if rows, sessions := persistencetest.Active(w, w.url), persistencetest.Sessions(w, w.url); len(rows)+len(sessions) > 0 {
			t.Errorf("%d rows and %d sessions are left", len(rows), len(sessions))
		}
	})
}

// weather is a client in a storm, which stays until it is told to go.
func (p *process) weather(c *websocket.Conn, greeted, told *atomic.Int64) {
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(2 * patience))
	_, _, err := c.ReadMessage()
	if err != nil {
		return // refused
	}
	greeted.Add(1)
	for err == nil {
		_, _, err = c.ReadMessage()
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok && closed.Code == websocket.CloseGoingAway {
		told.Add(1)
	} else {
		p.Errorf("a client was greeted, and ended with %v", err)
	}
}

// A server that ends without its database cannot remove its rows. It ends all
// the same and says so, and the lease removes them when the database is back.
func TestSignalWithTheDatabaseAwayLeavesTheRowsToTheLease(t *testing.T) {
	for how, away := range map[string]func(*persistencetest.Cluster) (back func()){
		"stopped": func(c *persistencetest.Cluster) func() { c.Stop(persistencetest.Immediate); return c.Start },
		"frozen":  func(c *persistencetest.Cluster) func() { c.Pause(); return c.Resume },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cluster := persistencetest.NewCluster(t)
			w := newWorld(t, cluster.URL())
			p := w.serve(shortLease)
			clients := p.connectAll(20)
			back := away(cluster)
			p.signal(syscall.SIGTERM)
			signalled := time.Now()
			for _, c := range clients {
				c.wantClose(1001)
			}
			p.wantExit(0)
			took := time.Since(signalled)
			back()
			t.Logf("the server ended after %s", took.Round(time.Millisecond))
			if !strings.Contains(p.said(), "rows are left to the lease") {
				t.Error("the server did not say what it left behind")
			}
			other := w.serve(shortLease, "--node=other")
			other.wantOnlineIn(deathPromise + slack)
		})
	}
}

// Who sends the signal twice does not want to wait, but the clients are many, and each
// comes again in its own time only if it is told. What is said of rows must be true.
func TestSecondSignalStillTellsEveryClient(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		clients := slices.Concat(p.connectAll(500), p.connectAll(500))
		var reading sync.WaitGroup
		for _, c := range clients {
			reading.Go(func() { c.wantClose(1001) })
		}
		p.signal(syscall.SIGTERM)
		for late := time.Now().Add(patience); !strings.Contains(p.said(), "draining"); { // a tick would be too late
			if time.Now().After(late) {
				w.Fatal("the drain does not begin")
			}
		}
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
		reading.Wait()
		sessions := persistencetest.Sessions(w, w.url)
		if !strings.Contains(p.said(), "rows are left to the lease") && len(sessions) > 0 {
			w.Errorf("%d rows are left, and the server does not say so", len(sessions))
		}
	})
}

// connectThousand opens two sockets for each of 500 users.
func (p *process) connectThousand() {
	p.Helper()
	p.connectAll(500)
	p.connectAll(500)
}

// wantRows wants the active connections, whichever servers they are of, as soon as
// is promised.
func (w *world) wantRows(promise time.Duration, emails ...string) {
	w.Helper()
	var rows []string
	if !w.eventually(promise+slack, func() bool {
		rows = persistencetest.Active(w, w.url)
		return slices.Equal(rows, emails)
	}) {
		w.Fatalf("%s after that was promised the rows are %v, want %v", slack, rows, emails)
	}
}
