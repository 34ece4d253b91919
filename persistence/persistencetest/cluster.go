package persistencetest

import (
	"syscall"
	"testing"
)

// StopMode is how a cluster is stopped.
type StopMode syscall.Signal

// The ways in which a server goes away.
const (
	Fast      = StopMode(syscall.SIGINT)  // it rolls transactions back and says goodbye
	Immediate = StopMode(syscall.SIGQUIT) // it aborts, and recovers when it starts again
	Kill      = StopMode(syscall.SIGKILL) // it is gone
)

// clusterDatabase is the name of the database in each cluster.
const clusterDatabase = "rollcall"

// Cluster is a PostgreSQL server of one test's own, to be broken. Its methods
// end the test when they fail.
type Cluster struct {
	t      testing.TB
	server *Server
}

// NewCluster starts a server with an empty database. It is removed after the
// test, whatever state the test left it in.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	s, err := NewServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	c := &Cluster{t: t, server: s}
	c.Start()
	if err := execute(s.URL("postgres"), "CREATE DATABASE "+clusterDatabase); err != nil {
		t.Fatal(err)
	}
	return c
}

// URL is the database's. It stays the same over Stop and Start.
func (c *Cluster) URL() string { return c.server.URL(clusterDatabase) }

// Start returns when the server answers.
func (c *Cluster) Start() {
	c.t.Helper()
	if err := c.server.Start(); err != nil {
		c.t.Fatal(err)
	}
}

// Stop returns when the server is gone. What was committed is kept.
func (c *Cluster) Stop(mode StopMode) {
	c.t.Helper()
	if err := c.server.Stop(mode); err != nil {
		c.t.Fatal(err)
	}
}

// Pause freezes all processes of the server: connections stay open, and nobody
// answers.
func (c *Cluster) Pause() {
	c.t.Helper()
	if err := c.server.Pause(); err != nil {
		c.t.Fatal(err)
	}
}

// Resume lets a server go on that was paused.
func (c *Cluster) Resume() {
	c.t.Helper()
	if err := c.server.Resume(); err != nil {
		c.t.Fatal(err)
	}
}
