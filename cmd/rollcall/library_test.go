package main

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rollcall/rollcall/persistence/persistencetest"
	"github.com/rollcall/rollcall/transport/transporttest"
)

// Whoever waits at a page should notice a restart of the server by its log alone.
func TestPageComesBackAfterARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, persistencetest.SQLite(t))
	p := w.serve()
	transporttest.PageComesBack(t, p.site(), func() {
		p.signal(syscall.SIGTERM)
		p.wantExit(0)
	}, func() {
		p = w.serve("--listen=" + p.address)
	})
}

// The library and the manual's examples against the program itself: what one side
// writes is what the other one reads.
func TestLibrarySpeaksToTheServer(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		transporttest.Node(w.T, p.site(), "../../transport/web/rollcall", "test/server/*.test.js")
	})
}

// The list on the page follows the stream, and goes on after a restart; on the page
// from disk too, which is of another origin than the server.
func TestPageFollowsTheStream(t *testing.T) {
	t.Parallel()
	disk, err := filepath.Abs("../../transport/web/websocket_test.html")
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"served": "", "from disk": disk} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, persistencetest.SQLite(t))
			p := w.serve()
			site := p.site()
			site.Disk = file
			transporttest.PageFollowsTheStream(t, site, user(1), func() (goes func()) {
				return p.connect(user(1)).leave
			}, func() {
				p.signal(syscall.SIGTERM)
				p.wantExit(0)
				p = w.serve("--listen=" + p.address)
			})
		})
	}
}

// site is what a person knows who uses the server's page.
func (p *process) site() transporttest.Site {
	return transporttest.Site{URL: "http://" + p.address, Email: user(0), Token: p.token}
}
