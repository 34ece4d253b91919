package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// Machines that start together start in any order. A server that is first says
// so once, and serves as soon as its database does.
func TestServerWaitsForADatabaseThatStartsLate(t *testing.T) {
	cluster := persistencetest.NewCluster(t)
	w := newWorld(t, cluster.URL())
	cluster.Stop(persistencetest.Fast)
	p := w.launch()
	w.within("the server to wait", func() bool { return strings.Contains(p.said(), "database away; waiting") })
	cluster.Start()
	p.listens()
	p.connect(user(0))
	p.wantOnline(user(0))
	if said := p.said(); strings.Count(said, "database away") != 1 || !strings.Contains(said, "database answers") {
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
	if len(lines) != 2 || !strings.Contains(lines[0], "database away; waiting") ||
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
	server, err := url.Parse(persistencetest.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	unknown, stranger := *server, *server
	unknown.Path = "/nowhere"
	stranger.User = url.UserPassword("stranger", "hunter2")
	for name, database := range map[string]string{
		"an unknown database": unknown.String(),
		"an unknown role":     stranger.String(),
		"a missing folder":    "sqlite:///no/such/folder/rollcall.db",
	} {
		p := (&world{T: t, url: database}).launch("--database-wait=1h")
		p.wantExit(1)
		if said := p.said(); strings.Count(said, "\n") != 1 || strings.Contains(said, "hunter2") {
			t.Errorf("%s: it said %q, want one line", name, said)
		}
	}
}
