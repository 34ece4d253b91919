//go:build !race

package transport

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// These are system calls that never wait. Go is not told of them, as it is of all
// that may: it would look after each whether the thread is stuck, and give its work
// to another one. (Under the race detector they are Go's own: see call_race_linux.go.)

// readNow reads from a descriptor that does not block.
func readNow(fd int, p []byte) (int, error) { return callNow(unix.SYS_READ, fd, p) }

// writeNow writes to one.
func writeNow(fd int, p []byte) (int, error) { return callNow(unix.SYS_WRITE, fd, p) }

func callNow(call uintptr, fd int, p []byte) (int, error) {
	for {
		n, _, err := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR: // what there is would not be told again
		default:
			return 0, err
		}
	}
}

// lookNow asks an epoll instance what has happened.
func lookNow(fd int, events []unix.EpollEvent) (int, error) {
	for {
		n, _, err := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(fd),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
		switch err {
		case 0:
			return int(n), nil
		case syscall.EINTR: // Go would not tell again of what there is
		default:
			return 0, err
		}
	}
}
