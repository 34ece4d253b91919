package bench

import (
	"fmt"
	"syscall"
)

const (
	// workerReserve is how many open files a worker keeps from its sockets.
	workerReserve = 64
	// spareUsers is how many users a worker has beyond its sockets: whoever has
	// just left comes again only when all of them have come.
	spareUsers = 500
	// portsAtAnAddress is how many sockets to one server are dialed from one
	// source address. The kernel gives out some 28,000 ports for them, but looks
	// at every second one first: from 14,000 on, it searches all of those in vain
	// for each connection, which took 2 ms then and would count as the server's.
	portsAtAnAddress = 5_000
)

// openFiles is how many files a process here may open. Go has raised the limit
// as far as it goes by now, for this process and for those that it starts.
func openFiles() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("find the limit of open files: %w", err)
	}
	return int(min(limit.Cur, 1<<30)), nil
}

// Places is how many clients a server takes at a time. Those who ask for the list are
// in the reserve that it keeps besides.
type Places struct{ Sockets, Watchers int }

// room refuses more clients than the server that is started would take: what it
// refuses would count as failed. Of one that runs already it is not known.
func (c Config) room(sockets, watchers int) error {
	switch {
	case c.Server != nil:
		return nil
	case sockets > c.Places.Sockets:
		return fmt.Errorf("the server would have places for %d sockets, beside %d watchers, and not for %d: "+
			"raise the limit of open files (ulimit -n) or --max-connections, or ask for fewer",
			c.Places.Sockets, c.Places.Watchers, sockets)
	case watchers > c.Places.Watchers:
		return fmt.Errorf("the server would have places for %d watchers, and not for %d: "+
			"--with=--max-watchers=%d, which may be a quarter of its open files (ulimit -n), or ask for fewer",
			c.Places.Watchers, watchers, watchers)
	}
	return nil
}

// herdPlan says which processes hold the clients of a herd.
type herdPlan struct {
	workers int
	users   int // of each worker
}

// plan spreads sockets over processes: as many as there shall be loops, or more
// if one process may not open that many files.
func plan(sockets, loops, limit int) (herdPlan, error) {
	room := limit - workerReserve
	if room < 1 {
		return herdPlan{}, fmt.Errorf("a process here may open %d files, which leaves no room for clients: raise the limit (ulimit -n)", limit)
	}
	workers := max(1, loops, (sockets+room-1)/room)
	return herdPlan{workers, (sockets+workers-1)/workers + spareUsers}, nil
}
