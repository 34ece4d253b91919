package bench

import (
	"fmt"
	"syscall"
)

const (
	// workerReserve is how many open files a worker keeps from its sockets.
	workerReserve = 64
	// serverReserve is what a Rollcall server keeps from its own, by default.
	serverReserve = 256
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

// roomInServer refuses more sockets than a server of this machine could take.
func roomInServer(sockets, limit int) error {
	if room := limit - serverReserve; sockets > room {
		return fmt.Errorf("a process here may open %d files, which leaves a server %d sockets, and not %d: "+
			"raise the limit (ulimit -n), or ask for fewer", limit, max(room, 0), sockets)
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
