package bench

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// dialer opens connections to one server.
type dialer struct {
	server  unix.SockaddrInet4
	sources int // addresses from 127.0.0.1 on to dial from; 0 leaves it to the kernel
}

// newDialer finds the server. Only one on this machine can be reached from many
// addresses; for any other the kernel chooses the one that there is.
func newDialer(address string, sources int) (dialer, error) {
	resolved, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return dialer{}, fmt.Errorf("find the server: %w", err)
	}
	ip, _ := netip.AddrFromSlice(resolved.IP.To4())
	d := dialer{server: unix.SockaddrInet4{Port: resolved.Port, Addr: ip.As4()}}
	if ip.IsLoopback() {
		d.sources = sources
	}
	return d, nil
}

// dial begins a connection. It is there, or has failed, when the descriptor can
// be written to.
func (d *dialer) dial(number int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && d.sources > 0 {
		err = d.bind(fd, number)
	}
	if err == nil {
		err = unix.Connect(fd, &d.server)
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return -1, errors.Join(fmt.Errorf("connect: %w", err), unix.Close(fd))
	}
	return fd, nil
}

// bind takes one of the source addresses. The port is left open until the kernel
// knows the other end: else it would be taken from all connections there are.
func (d *dialer) bind(fd, number int) error {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); err != nil {
		return err
	}
	n := number % d.sources
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, byte(n / 250), byte(n%250 + 1)}})
}

// dialed says how a connection that was begun ended: nil when it is there.
func dialed(fd int) error {
	code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && code != 0 {
		err = unix.Errno(code)
	}
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	return nil
}
