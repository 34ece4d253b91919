package bench

import (
	"net/url"
	"strings"
	"testing"
)

// Where a process may not open enough files, the clients need several; and each
// must have users for all of its sockets, and those that are just leaving.
func TestSocketsAreSpreadOverAsManyProcessesAsTheLimitNeeds(t *testing.T) {
	for _, test := range []struct{ sockets, loops, limit, workers int }{
		{0, 1, 1024, 1},
		{960, 1, 1024, 1},
		{961, 1, 1024, 2},
		{100, 3, 1024, 3},
		{18_000, 1, 20_000, 1},
		{50_000, 2, 20_000, 3},
	} {
		p, err := plan(test.sockets, test.loops, test.limit)
		if err != nil || p.workers != test.workers || p.workers*(p.users-spareUsers) < test.sockets {
			t.Errorf("%d sockets, %d loops, %d files: %+v, %v", test.sockets, test.loops, test.limit, p, err)
		}
	}
	if p, err := plan(1, 1, workerReserve); err == nil {
		t.Errorf("there is no room, and yet the plan is %+v", p)
	}
}

// A server that could not take them all must be known before the first connects:
// the refusals would be taken for its failure. What somebody else's takes is not known.
func TestMoreClientsThanTheServerTakesAreRefused(t *testing.T) {
	c := Config{Places: Places{Sockets: 576, Watchers: 192}}
	for _, test := range []struct {
		sockets, watchers int
		says              string
	}{
		{576, 192, ""},
		{577, 0, "places for 576 sockets, beside 192 watchers, and not for 577"},
		{1, 193, "--with=--max-watchers=193"},
	} {
		err := c.room(test.sockets, test.watchers)
		if (err != nil) != (test.says != "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%d sockets and %d watchers: %v, want %q", test.sockets, test.watchers, err, test.says)
		}
	}
	c.Server = &url.URL{Scheme: "http", Host: "elsewhere"}
	if err := c.room(577, 193); err != nil {
		t.Errorf("a server elsewhere: %v", err)
	}
}
