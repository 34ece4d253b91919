package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// nowhere is the address of no network card. What is sent there is sent, and
// nobody takes it.
const nowhere = "02:00:00:00:00:01"

// network is a second network namespace, joined to this one by a virtual cable
// of which one direction can be cut: no end of it hears that.
type network struct {
	host, peer string // the address at each end
	device     string // the peer's end
	space      *os.File
	process    *exec.Cmd // in the namespace, which ends with it
	alive      io.Closer
}

// newNetwork makes a namespace and lays the cable.
func newNetwork() (*network, error) {
	pid := os.Getpid()
	prefix := fmt.Sprintf("198.18.%d.%d", pid>>6&0xff, pid<<2&0xfc) // RFC 2544: for tests of networks
	n := &network{device: fmt.Sprintf("chaos%dp", pid), process: exec.Command("cat")}
	address := net.ParseIP(prefix).To4()
	at := func(last byte) string { return net.IPv4(address[0], address[1], address[2], address[3]+last).String() }
	n.host, n.peer = at(1), at(2)
	// The process waits for the end of its input, and so ends with this one; the
	// namespace and both ends of the cable go with it.
	n.process.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Setpgid: true}
	var err error
	if n.alive, err = n.process.StdinPipe(); err == nil {
		err = n.process.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	if err := n.lay(fmt.Sprintf("chaos%dh", pid)); err != nil {
		n.close()
		return nil, err
	}
	return n, nil
}

func (n *network) lay(device string) (err error) {
	pid := fmt.Sprint(n.process.Process.Pid)
	if n.space, err = os.Open("/proc/" + pid + "/ns/net"); err != nil {
		return fmt.Errorf("open a network namespace: %w", err)
	}
	for _, arguments := range []string{
		"link add " + device + " type veth peer name " + n.device + " netns " + pid,
		"address add " + n.host + "/30 dev " + device,
		"link set " + device + " up",
	} {
		if err := ip(arguments); err != nil {
			return err
		}
	}
	return n.inside(func() error {
		return errors.Join(ip("address add "+n.peer+"/30 dev "+n.device), ip("link set "+n.device+" up"))
	})
}

// cut lets nothing more come from the peers to this end.
func (n *network) cut() error {
	return n.inside(func() error {
		return ip("neighbour replace " + n.host + " lladdr " + nowhere + " dev " + n.device + " nud permanent")
	})
}

// mend undoes a cut.
func (n *network) mend() error {
	return n.inside(func() error { return ip("neighbour delete " + n.host + " dev " + n.device) })
}

// dial makes a connection from the other end.
func (n *network) dial(ctx context.Context, kind, address string) (conn net.Conn, err error) {
	err = n.inside(func() (err error) {
		conn, err = new(net.Dialer).DialContext(ctx, kind, address)
		return err
	})
	return conn, err
}

// inside does something on a thread that is in the namespace. The thread ends
// with it: one that came back only by half would serve others.
func (n *network) inside(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock it
		if err := unix.Setns(int(n.space.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter a network namespace: %w", err)
			return
		}
		done <- do()
	}()
	return <-done
}

func (n *network) close() {
	if n.space != nil {
		_ = n.space.Close()
	}
	_ = n.alive.Close()
	_ = n.process.Wait()
}

func ip(arguments string) error {
	if out, err := exec.Command("ip", strings.Fields(arguments)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", arguments, err, out)
	}
	return nil
}
