package main

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// Machines that start together start in any order. A server that is first says
// so once, and serves as soon as its database does.
func TestServerWaitsForADatabaseThatStartsLate(t *testing.T) {
	t.Parallel()
	cluster := persistencetest.NewCluster(t)
	w := newWorld(t, cluster.URL())
	cluster.Stop(persistencetest.Fast)
	p := w.launch()
	p.waits()
	cluster.Start()
	p.listens()
	p.connect(user(0))
	p.wantOnline(user(0))
	if said := p.said(); strings.Count(said, "waiting") != 1 || !strings.Contains(said, "database answers") {
		t.Errorf("it said %s", said)
	}
}

// A server whose database never comes must tell its supervisor so, in one line,
// after the time that was set, and without the password.
func TestServerGivesUpOnADatabaseThatNeverComes(t *testing.T) {
	w := &world{T: t, url: "postgres://rollcall:hunter2@127.0.0.1:1/rollcall"}
	p := w.launch("--database-wait=300ms")
	p.wantExit(1)
	lines := strings.Split(strings.TrimSpace(p.said()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "listening; waiting for the database") ||
		!strings.HasPrefix(lines[1], "rollcall: waiting for the database for 300ms:") {
		t.Errorf("it said %q, want that it waits and that it gives up", lines)
	}
	if strings.Contains(p.said(), "hunter2") {
		t.Error("it told the password")
	}
	p = w.launch("--database-wait=0s")
	p.wantExit(1)
	if said := p.said(); strings.Count(said, "\n") != 1 || strings.Contains(said, "waiting") {
		t.Errorf("it said %q, want the failure alone", said)
	}
}

// A wrong name or password does not pass by itself: to wait for it would hide it.
func TestServerDoesNotWaitForWhatDoesNotPass(t *testing.T) {
	t.Parallel()
	server, err := url.Parse(persistencetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	unknown, stranger, mistaken := *server, *server, *server
	unknown.Path = "/nowhere"
	stranger.User = url.UserPassword("stranger", "hunter2")
	cluster := persistencetest.NewCluster(t)
	mistaken.Host, mistaken.User = newWorld(t, cluster.URL()).wantPassword(), url.UserPassword("rollcall", "hunter2")
	for name, database := range map[string]string{
		"an unknown database": unknown.String(),
		"an unknown role":     stranger.String(),
		"a wrong password":    mistaken.String(),
		"a missing folder":    "sqlite:///no/such/folder/rollcall.db",
	} {
		p := (&world{T: t, url: database}).launch("--database-wait=1h")
		p.wantExit(1)
		if said := p.said(); strings.Count(said, "\n") != 1 || strings.Contains(said, "hunter2") {
			t.Errorf("%s: it said %q, want one line", name, said)
		}
	}
}

// Whatever keeps a server from its database at its start, it lives meanwhile: it
// says so, and that it cannot admit, and tells every client to come again. An
// orchestrator that saw a dead port would kill it, and it would start anew.
func TestServerThatWaitsForItsDatabaseIsAlive(t *testing.T) {
	t.Parallel()
	together(t, hurtsAtOnce, map[string]func(*testing.T){
		"frozen": func(t *testing.T) {
			cluster := persistencetest.NewCluster(t)
			newWorld(t, cluster.URL()).startsLate(
				func(*world) { cluster.Pause() }, func(*world) { cluster.Resume() })
		},
		"the table of nodes is locked": func(t *testing.T) {
			w := newWorld(t, persistencetest.NewCluster(t).URL())
			admin := w.admin()
			w.startsLate(statements(admin, "BEGIN", "LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE"), statements(admin, "COMMIT"))
		},
		"SQLite has another writer": func(t *testing.T) {
			w := newWorld(t, persistencetest.SQLite(t))
			other := w.sqlite()
			w.startsLate(func(w *world) { w.write(other, "BEGIN EXCLUSIVE") }, func(w *world) { w.write(other, "COMMIT") })
		},
	})
}

// The time that was set bounds the whole wait, and not only the first connection.
func TestServerGivesUpOnADatabaseThatStaysLocked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, persistencetest.NewCluster(t).URL())
	admin := w.admin()
	statements(admin, "BEGIN", "LOCK TABLE nodes IN ACCESS EXCLUSIVE MODE")(w)
	p := w.launch("--database-wait=1s")
	p.wantExit(1)
	lines := strings.Split(strings.TrimSpace(p.said()), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, "rollcall: waiting for the database for 1s:") {
		t.Errorf("it said %q, want that it gives up", lines)
	}
	if strings.Contains(p.said(), "msg=serving") {
		t.Error("it said that it serves")
	}
}

// A server that is told to end before it could begin has not failed.
func TestSignalEndsAServerThatWaits(t *testing.T) {
	t.Parallel()
	cluster := persistencetest.NewCluster(t)
	frozen := newWorld(t, cluster.URL())
	cluster.Pause()
	for how, w := range map[string]*world{
		"nobody answers": {T: t, url: "postgres://rollcall@127.0.0.1:1/rollcall"},
		"frozen":         frozen,
	} {
		p := w.launch()
		p.waits()
		p.signal(syscall.SIGTERM)
		signalled := time.Now()
		p.wantExit(0)
		if took := time.Since(signalled); took > atOnce+slack {
			t.Errorf("%s: it ended %s after the signal", how, took)
		}
		if !strings.Contains(p.said(), "stopped before it served") {
			t.Errorf("%s: it did not say that it had never served", how)
		}
	}
}

// startsLate starts a server while something is wrong with its database.
func (w *world) startsLate(hurt, mend func(*world)) {
	w.Helper()
	hurt(w)
	p := w.launch()
	p.waits()
	for path, want := range map[string]struct {
		status int
		says   string
	}{
		"/livez":                      {http.StatusOK, `"status":"ok"`},
		"/readyz":                     {http.StatusServiceUnavailable, `"reason":"starting"`},
		"/api/hms/active-connections": {http.StatusServiceUnavailable, "try again later"},
		"/websocket_test.html":        {http.StatusOK, "<html"},
	} {
		if status, body := p.get(path); status != want.status || !strings.Contains(body, want.says) {
			w.Errorf("%s is answered %d %.200s, want %d and %q", path, status, body, want.status, want.says)
		}
	}
	early, err := p.dial(user(0))
	if err != nil {
		w.Fatal(err)
	}
	(&client{early, p}).wantClose(1013)
	if strings.Contains(p.said(), "msg=serving") {
		w.Error("it said that it serves, and could not")
	}
	mend(w)
	p.listens()
	p.connect(user(0)).echo("let in")
	p.wantOnline(user(0))
}

// waits waits until the server says that it waits, and where it listens meanwhile.
func (p *process) waits() {
	p.Helper()
	p.within("the server to wait", func() bool { return p.told(`msg="listening; waiting for the database" address=`) })
}

// get asks as whoever holds the token, and takes the whole answer.
func (p *process) get(path string) (status int, body string) {
	p.Helper()
	request, err := http.NewRequestWithContext(p.Context(), http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		p.Fatal(err)
	}
	request.Header.Set("Authorization", "Token "+p.token)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	whole, err := io.ReadAll(answer.Body)
	if err != nil {
		p.Fatal(err)
	}
	return answer.StatusCode, string(whole)
}

// wantPassword lets PostgreSQL ask the role rollcall for its password, and returns
// where it does.
func (w *world) wantPassword() (host string) {
	w.Helper()
	statements(w.admin(), "CREATE ROLE rollcall LOGIN PASSWORD 'another'", `DO $$ BEGIN EXECUTE format('COPY
		(VALUES (''host all rollcall 127.0.0.1/32 scram-sha-256''), (''host all all 127.0.0.1/32 trust'')) TO %L',
		current_setting('hba_file')); END $$`, "SELECT pg_reload_conf()")(w)
	asked, err := url.Parse(w.url)
	if err != nil {
		w.Fatal(err)
	}
	asked.User = url.UserPassword("rollcall", "hunter2")
	w.within("the password to be asked for", func() bool {
		c, err := pgx.Connect(w.Context(), asked.String())
		if err == nil {
			_ = c.Close(w.Context())
		}
		return err != nil
	})
	return asked.Host
}
