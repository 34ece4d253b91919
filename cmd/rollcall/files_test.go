package main

import (
	"strings"
	"syscall"
	"testing"
)

// Sockets and watchers share the open files: what one setting gives, the other
// must not have too, or the kernel refuses a file in the middle of a storm.
func TestPlacesStayWithinTheOpenFiles(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	room := int(min(limit.Cur, 1<<30)) - fileReserve
	for setting, most := range map[int]int{0: 0, 1: 1, 1 << 40: room / watchersShare} {
		sockets, watchers, err := (&settings{MaxWatchers: setting}).places()
		if err != nil || watchers != most || sockets != room-most {
			t.Errorf("--max-watchers=%d leaves %d sockets and %d watchers of %d, %v", setting, sockets, watchers, room, err)
		}
	}
	if sockets, watchers, err := (&settings{MaxConnections: 10, MaxWatchers: 5}).places(); sockets != 10 || watchers != 5 || err != nil {
		t.Errorf("ten sockets and five watchers are %d and %d, %v", sockets, watchers, err)
	}
	if _, _, err := (&settings{MaxConnections: room, MaxWatchers: 1}).places(); err == nil || !strings.Contains(err.Error(), "--max-connections") {
		t.Errorf("more than there are files for is %v", err)
	}
}
