//go:build race

package transport

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// The race detector knows from Go's own calls that what was done before a write is done
// when the other end, which is a test in the same process, has read it.

func readNow(fd int, p []byte) (int, error) {
	return again(func() (int, error) { return syscall.Read(fd, p) })
}

func writeNow(fd int, p []byte) (int, error) {
	return again(func() (int, error) { return syscall.Write(fd, p) })
}

func lookNow(fd int, events []unix.EpollEvent) (int, error) {
	return again(func() (int, error) { return unix.EpollWait(fd, events, 0) })
}

func again(call func() (int, error)) (int, error) {
	for {
		if n, err := call(); !errors.Is(err, syscall.EINTR) {
			return max(n, 0), err
		}
	}
}
