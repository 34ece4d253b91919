package main

import (
	"syscall"
	"testing"

	"github.com/rollcall/rollcall/persistence/persistencetest"
	"github.com/rollcall/rollcall/transport/transporttest"
)

// Whoever waits at a page should notice a restart of the server by its log alone.
func TestPageComesBackAfterARestart(t *testing.T) {
	w := newWorld(t, persistencetest.SQLite(t))
	p := w.serve()
	transporttest.PageComesBack(t, p.site(), func() {
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
	}, func() {
		p = w.serve("--listen=" + p.address)
	})
}

// site is what a person knows who uses the server's page.
func (p *process) site() transporttest.Site {
	return transporttest.Site{URL: "http://" + p.address, Email: user(0), Token: p.token}
}
