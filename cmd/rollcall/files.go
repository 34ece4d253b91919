package main

import (
	"fmt"
	"syscall"
)

// fileReserve is how many open files are kept from sockets: the database, the
// REST queries, and the listener need some when sockets are many.
const fileReserve = 256

// watchersShare is how much of what is left watchers may take, at the most: one in
// so many. Where files are few, sockets need them more.
const watchersShare = 4

// places is how many sockets and how many watchers there may be: the settings, or
// as many as the limit of open files allows. Go has raised the soft limit to the
// hard one by now.
func (s *settings) places() (sockets, watchers int, err error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, 0, fmt.Errorf("finding the limit of open files: %w", err)
	}
	room := int(min(limit.Cur, 1<<30)) - fileReserve
	if room < 1 {
		return 0, 0, fmt.Errorf("the limit of open files (%d) leaves no room for connections: raise it above %d", limit.Cur, fileReserve)
	}
	watchers = min(s.MaxWatchers, room/watchersShare)
	switch room -= watchers; {
	case s.MaxConnections == 0:
		return room, watchers, nil
	case s.MaxConnections > room:
		return 0, 0, fmt.Errorf("--max-connections=%d, beside %d watchers, needs more open files than the limit of %d allows",
			s.MaxConnections, watchers, limit.Cur)
	}
	return s.MaxConnections, watchers, nil
}
