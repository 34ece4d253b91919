package main

import (
	"fmt"
	"syscall"
)

// fileReserve is how many open files are kept from sockets: the database, the
// REST queries, and the listener need some when sockets are many.
const fileReserve = 256

// maxConnections is the setting, or as many sockets as the limit of open files
// allows. Go has raised the soft limit to the hard one by now.
func (s *settings) maxConnections() (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("finding the limit of open files: %w", err)
	}
	room := int(min(limit.Cur, 1<<30)) - fileReserve
	switch {
	case room < 1:
		return 0, fmt.Errorf("the limit of open files (%d) leaves no room for connections: raise it above %d", limit.Cur, fileReserve)
	case s.MaxConnections == 0:
		return room, nil
	case s.MaxConnections > room:
		return 0, fmt.Errorf("--max-connections=%d needs more open files than the limit of %d allows", s.MaxConnections, limit.Cur)
	}
	return s.MaxConnections, nil
}
