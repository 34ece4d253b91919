package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// What a person does first: two tabs, both counted, and the user is online
// until the second one closes.
func TestUserWithTwoTabsIsOnlineUntilBothAreClosed(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		first, second := p.connect(user(0)), p.connect(user(0))
		p.wantOnline(user(0), user(0))
		first.echo("hello")
		first.leave()
		p.wantOnline(user(0))
		second.echo("still here")
		second.leave()
		p.wantOnline()
	})
}

// The greeting is a promise: at the moment a client reads it, its row is there.
func TestRowIsThereWhenTheGreetingIsRead(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		for n := range 20 {
			p.connect(user(n))
			if rows := persistencetest.Active(w, w.url); !slices.Contains(rows, user(n)) {
				t.Errorf("%s has read its greeting, and the rows are %v", user(n), rows)
			}
		}
	})
}

func TestFiveHundredClientsComeAndGoAtOnce(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		const n = 500
		clients := p.connectAll(n)
		var emails []string
		for i := range n {
			emails = append(emails, user(i))
		}
		p.wantOnline(emails...)
		var wait sync.WaitGroup
		for i, c := range clients {
			wait.Go(func() {
				if i%2 == 0 {
					_ = c.WriteMessage(websocket.CloseMessage, nil)
				}
				_ = c.Close() // half of them without a word
			})
		}
		wait.Wait()
		p.wantOnline()
	})
}

func TestHundredReconnectsOfOneUserLeaveOneRow(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		for range 50 {
			p.connect(user(0)).leave()
		}
		p.wantOnline()
		for range 50 { // without waiting for the last one to be gone
			c := p.connect(user(0))
			_ = c.Close()
		}
		last := p.connect(user(0))
		p.wantOnline(user(0))
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() {
				if c, err := p.dial(user(0)); err != nil {
					t.Error(err)
				} else {
					_, _, _ = c.ReadMessage()
					_ = c.Close()
				}
			})
		}
		wait.Wait()
		p.wantOnline(user(0))
		last.echo("undisturbed")
	})
}

// The policies that keep one session: exactly one row, and the right winner.
func TestPoliciesOverRealSockets(t *testing.T) {
	worlds(t, func(w *world) {
		newest := w.serve("--sessions=newest")
		older := newest.connect(user(0))
		newer := newest.connect(user(0))
		older.wantClose(4004)
		newer.echo("mine")
		newest.wantOnline(user(0))
		newest.signal(syscall.SIGTERM)
		newest.wantExit(0)

		oldest := w.serve("--sessions=oldest")
		first := oldest.connect(user(0))
		refused, err := oldest.dial(user(0))
		if err != nil {
			t.Fatal(err)
		}
		(&client{refused, oldest}).wantClose(4003)
		first.echo("mine")
		oldest.wantOnline(user(0))
	})
}

// Who reloads a page comes before the old socket has left, or just behind it.
// Whatever the order, list and table tell the same of them.
func TestReloadedPagesAreListedAsTheyAreStored(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		old := p.connectAll(100)
		var emails []string
		var wait sync.WaitGroup
		for i := range old {
			emails = append(emails, user(i))
			wait.Go(func() { _ = old[i].Close() })
		}
		p.connectAll(100)
		wait.Wait()
		p.wantOnline(emails...)
	})
}

// Whoever has read the answer to a goodbye is gone: not listed any more, and free
// to connect again under the policy that would refuse a second connection.
func TestWhoSaidGoodbyeIsGone(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve("--sessions=oldest")
		for n := range 100 {
			p.connect(user(0)).leave()
			if listed := p.listed(); n%10 == 0 && len(listed) > 0 {
				t.Errorf("after the answer to its goodbye %v is listed", listed)
			}
		}
		p.wantOnline()
	})
}

// Two servers share a database, and neither takes the other's rows along.
func TestServersShareUsers(t *testing.T) {
	worlds(t, func(w *world) {
		one, two := w.serve("--node=one"), w.serve("--node=two")
		here := one.connect(user(0))
		there := two.connect(user(0))
		here.leave()
		w.within("one session to be left", func() bool { return len(persistencetest.Sessions(w, w.url)) == 1 })
		two.wantOnline(user(0))
		one.signal(syscall.SIGTERM)
		one.wantExit(0)
		there.echo("undisturbed")
		two.wantOnline(user(0))
	})
}

// A server whose name is taken while it lives sees it, and goes.
func TestSupersededServerEnds(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve(shortLease)
		c := p.connect(user(0))
		successor := w.serve()
		c.wantClose(1012)
		p.wantExit(1)
		if !strings.Contains(p.said(), "taken over") {
			t.Error("it did not say why")
		}
		successor.wantOnline()
	})
}

// SIGTERM: everybody is told, and nothing is left.
func TestSignalDrainsTheServer(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		clients := p.connectAll(100)
		p.signal(syscall.SIGTERM)
		for _, c := range clients {
			c.wantClose(1001)
		}
		p.wantExit(0)
		if rows, sessions := persistencetest.Active(w, w.url), persistencetest.Sessions(w, w.url); len(rows)+len(sessions) > 0 {
			t.Errorf("%d rows and %d sessions are left", len(rows), len(sessions))
		}
		if reasons := persistencetest.Reasons(w, w.url); len(reasons) != 100 || reasons[0] != "shutdown" {
			t.Errorf("the history has %d endings, the first %.40v", len(reasons), reasons)
		}
	})
}

// A second signal does not wait for anything: the drain ends in order but early,
// says what it leaves behind, and the lease does the rest. It is no crash.
func TestSecondSignalEndsTheServerAtOnce(t *testing.T) {
	t.Parallel()
	cluster := persistencetest.NewCluster(t)
	w := newWorld(t, cluster.URL())
	p := w.serve(shortLease)
	c := p.connect(user(0))
	cluster.Pause() // so that the drain takes its time
	p.signal(syscall.SIGTERM)
	w.within("the drain to begin", func() bool { return strings.Contains(p.said(), "draining") })
	c.wantClose(1001)
	p.signal(syscall.SIGTERM)
	again := time.Now()
	p.wantExit(0)
	if took := time.Since(again); took > atOnce+slack {
		t.Errorf("it ended %s after the second signal", took)
	}
	if said := p.said(); !strings.Contains(said, "rows are left to the lease") || !strings.Contains(said, errHurried.Error()) {
		t.Error("it did not say what it left behind, and why")
	}
	cluster.Resume()
	w.serve(shortLease, "--node=other").wantOnlineIn(deathPromise + slack)
}

// With the database away open sockets go on, the list is answered, connects are
// told to come again and never that they are unknown; and a second after its
// return the tables are true again.
func TestDatabaseStopsAndStarts(t *testing.T) {
	t.Parallel()
	cluster := persistencetest.NewCluster(t)
	w := newWorld(t, cluster.URL())
	p := w.serve("--connect-timeout=1s")
	stays, goes := p.connect(user(0)), p.connect(user(1))
	p.wantOnline(user(0), user(1))

	cluster.Stop(persistencetest.Immediate)
	stays.echo("the database is away")
	goes.leave()
	p.wantListed(user(0))
	late, err := p.dial(user(2))
	if err != nil {
		t.Fatal(err)
	}
	(&client{late, p}).wantClose(1013)
	stays.echo("still away")

	cluster.Start()
	p.wantOnlineIn(databasePromise+slack, user(0))
	stays.echo("back")
	back := p.connect(user(2))
	p.wantOnline(user(0), user(2))
	back.leave()
	p.wantOnline(user(0))
}

// A server does not change a PostgreSQL schema unasked, and says what to do.
func TestServerRefusesASchemaThatIsBehind(t *testing.T) {
	w := &world{T: t, url: persistencetest.Postgres(t)}
	p := w.launch()
	p.wantExit(1)
	if said := p.said(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "rollcall migrate up") {
		t.Errorf("it said %q, want one line that names the command", said)
	}
	w.serve("--migrate")
}

// Whoever cannot have the port must not take over the name of who has it.
func TestServerWhosePortIsTakenDisturbsNobody(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		c := p.connect(user(0))
		second := w.launch("--listen=" + p.address)
		second.wantExit(1)
		c.echo("undisturbed")
		p.wantOnline(user(0))
	})
}

// Activity is in the database soon; that soon is a second is tested in fake time, in actors.
func TestActivityReachesTheDatabase(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		c := p.connect(user(0))
		for i := range 3 {
			sent := time.Now()
			c.echo(fmt.Sprint(i))
			w.within("the activity to be stored", func() bool {
				return !persistencetest.LastActivity(w, w.url, user(0)).Before(sent.Truncate(time.Microsecond))
			})
		}
	})
}
