package main

import (
	"database/sql/driver"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// point is a statement of a commit that inserts, touches, deletes, announces and
// counts, and the moments in which it can go wrong.
type point struct {
	statement string
	moments   []persistencetest.Moment
	only      persistence.Dialect // the other database has no such statement
}

var (
	both  = []persistencetest.Moment{persistencetest.Before, persistencetest.After}
	query = []persistencetest.Moment{persistencetest.Before, persistencetest.After, persistencetest.Amid}

	points = []point{
		{statement: persistencetest.Begin, moments: both},
		{statement: "UPDATE nodes", moments: query},
		{statement: "FROM users AS u WHERE (email ", moments: query},
		{statement: "SELECT s.id, s.email FROM sessions", moments: query},
		{statement: "ORDER BY email FOR UPDATE", moments: both, only: persistence.Postgres},
		{statement: "UPDATE sessions", moments: both},
		{statement: "UPDATE active_websocket_connections", moments: both},
		{statement: "INSERT INTO sessions", moments: both},
		{statement: "SELECT coalesce(max(id), 0) FROM active_websocket_connections", moments: query, only: persistence.SQLite},
		{statement: "INSERT INTO active_websocket_connections", moments: query},
		{statement: "INSERT INTO outbox", moments: both},
		{statement: "INSERT INTO session_history", moments: both},
		{statement: "DELETE FROM sessions", moments: both},
		{statement: "DELETE FROM active_websocket_connections", moments: query},
		{statement: "SELECT count(*) FROM sessions", moments: query},
		{statement: persistencetest.Commit, moments: both},
	}
)

// pointsAtOnce bounds how many servers these tests run at a time, each with
// connections of its own to the one PostgreSQL.
const pointsAtOnce = 10

// Whatever statement fails, before or after it took effect, once or eleven times
// (with which a supervisor would give up): nobody inside notices, whoever comes
// waits and is let in, and all lists agree.
func TestFaultOfAnyStatementIsMadeGood(t *testing.T) {
	t.Parallel()
	eachPoint(t, func(w *world, p point) {
		answers := failures(w)
		server, faults := w.serveInside(patience) // the faults are over before that
		stays := server.connect(user(0))
		online := []string{user(0)}
		n := 1
		for _, when := range p.moments {
			for _, times := range []int{1, 11} {
				_ = stays.SetReadDeadline(time.Now().Add(2 * patience)) // some statements are rare
				failure := answers[n%len(answers)]
				goes, comes := server.connect(user(n)), user(n+1)
				fault := faults.Arm(persistencetest.Fault{Statement: p.statement, When: when, Times: times, Err: failure})
				stays.echo("to be touched")
				goes.leave()
				late := server.connect(comes)
				select {
				case <-fault.Over():
				case <-time.After(patience):
					w.Fatalf("%s, %v: it struck %d times, want %d (%v)", p.statement, when, fault.Struck(), times, failure)
				}
				stays.echo("undisturbed")
				online = append(online, comes)
				server.wantOnlineIn(databasePromise+slack, online...)
				late.echo("let in")
				n += 2
			}
		}
	})
}

// While a statement fails for good, connects are told to come again and never
// that they are unknown; and when it fails no more, all lists agree.
func TestFaultThatStaysTurnsConnectsAway(t *testing.T) {
	t.Parallel()
	eachPoint(t, func(w *world, p point) {
		server, faults := w.serveInside(3 * time.Second) // a commit in health is done by then, however busy the machine
		stays, goes := server.connect(user(0)), server.connect(user(1))
		fault := faults.Arm(persistencetest.Fault{Statement: p.statement, When: p.moments[len(p.moments)-1], Err: io.ErrUnexpectedEOF})
		stays.echo("to be touched")
		goes.leave()
		server.wantTurnedAway(user(2), fault)
		stays.echo("still here")
		fault.Disarm()
		server.wantOnlineIn(databasePromise+slack, user(0))
		stays.echo("undisturbed")
		server.connect(user(2))
		server.wantOnline(user(0), user(2))
	})
}

// wantTurnedAway connects until a fault has struck whoever comes: until then a
// statement that the fault is of may have no part in a commit.
func (p *process) wantTurnedAway(email string, fault *persistencetest.Armed) {
	p.Helper()
	p.within("a connect to be turned away", func() bool {
		c, err := p.dial(email)
		if err != nil {
			p.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_, greeting, err := c.ReadMessage()
		if websocket.IsCloseError(err, rollcall.CloseTryAgainLater.Code) {
			return fault.Struck() > 0
		}
		if err != nil || !strings.Contains(string(greeting), "connection_established") {
			p.Fatalf("the connect was answered %s, %v", greeting, err)
		}
		return false
	})
}

// failures is what a statement may fail with, on either database.
func failures(t *world) []error {
	all := []error{driver.ErrBadConn, io.ErrUnexpectedEOF}
	for _, code := range []string{
		"40001", // serialization failure
		"40P01", // deadlock
		"25006", // read-only
		"53100", // disk full
		"53300", // too many connections
		"57014", // cancelled
		"57P01", // shut down
		"58030", // I/O error
	} {
		all = append(all, persistencetest.PostgresError(code))
	}
	for _, code := range []int{persistencetest.SQLiteBusy, persistencetest.SQLiteFull, persistencetest.SQLiteReadOnly} {
		all = append(all, persistencetest.SQLiteError(t, code))
	}
	return all
}

// eachPoint runs a test for each point and each database, several at a time.
func eachPoint(t *testing.T, test func(*world, point)) {
	t.Helper()
	all := make(map[string]func(*testing.T))
	for _, p := range points {
		if p.only != persistence.SQLite {
			all["postgres/"+p.statement] = func(t *testing.T) { test(newWorld(t, persistencetest.Postgres(t)), p) }
		}
		if p.only != persistence.Postgres {
			all["sqlite/"+p.statement] = func(t *testing.T) { test(newWorld(t, persistencetest.SQLite(t)), p) }
		}
	}
	together(t, pointsAtOnce, all)
}

// together runs subtests at the same time, some of them: they wait more than
// they work.
func together(t *testing.T, most int, tests map[string]func(*testing.T)) {
	t.Helper()
	running := make(chan struct{}, most)
	var wait sync.WaitGroup
	for name, test := range tests {
		wait.Go(func() {
			running <- struct{}{}
			defer func() { <-running }()
			t.Run(name, test)
		})
	}
	wait.Wait()
}
