package transporttest

import (
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// What a page shows although nobody at it does anything.

// PageShowsPush has the server say something unasked, a text to one user and any
// other value in its JSON form.
func PageShowsPush(t *testing.T, s Site, push func(frame string)) {
	_, p := s.open(t)
	s.connect(p)
	push(`{"type": "push", "message": "Lunch <b>now</b>", "id": "1"}`)
	p.Shows("log", "Push\nLunch <b>now</b>")
	push(`{"type": "push", "message": {"table": 7}, "id": "2"}`)
	p.Shows("log", "Push\n{\"table\":7}")
	p.ShowsOnly("status-title", "Connected")
}

// PageFollowsTheStream watches another user come and go, and the server restart. A
// page that asked for the list every two seconds would look the same, and must not.
func PageFollowsTheStream(t *testing.T, s Site, other string, comes func() (goes func()), restart func()) {
	_, p := s.open(t)
	p.Type("token", s.Token+kb.Enter)
	p.ShowsOnly("online-count", "0 online")
	goes := comes()
	p.Shows("online", other)
	p.ShowsOnly("online-count", "1 online")
	s.connect(p)
	p.Shows("online", s.Email+" you")
	goes()
	p.Hides("online", other)
	restart()
	comes()
	p.Shows("online", other)
	p.Shows("online", s.Email+" you")
	p.ShowsOnly("online-count", "2 online")
	p.ShowsOnly("online-status", "")
	const lists = `performance.getEntriesByType("resource").filter(e => e.name.includes("active-connections")).length`
	if n := Ask[int](p, lists); n != 0 {
		t.Errorf("the page has asked for the list %d times", n)
	}
}

// PageComesBack stops the server and starts it again: the page connects by itself,
// unless the person at it says that it need not.
func PageComesBack(t *testing.T, s Site, stop, restart func()) {
	_, p := s.open(t)
	s.connect(p)
	stop()
	p.Shows("status-title", "Closed: 1001, “Server going away”")
	p.Shows("status-detail", "Connecting again in")
	p.ShowsOnly("tabs", "0")
	restart()
	p.ShowsOnly("status-title", "Connected")
	p.ShowsOnly("tabs", "1")
	p.Type("message", "back again"+kb.Enter)
	p.Shows("log", "Server received: back again")

	stop()
	p.Shows("status-detail", "Connecting again in")
	p.Click("disconnect")
	p.ShowsOnly("status-title", "Not connected")
}
