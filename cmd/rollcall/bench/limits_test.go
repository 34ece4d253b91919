package bench

import "testing"

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
// the refusals would be taken for its failure.
func TestMoreSocketsThanTheServerMayOpenAreRefused(t *testing.T) {
	if err := roomInServer(768, 1024); err != nil {
		t.Errorf("there is room: %v", err)
	}
	if err := roomInServer(769, 1024); err == nil {
		t.Error("there is no room")
	}
}
