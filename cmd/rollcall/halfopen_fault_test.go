package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// A network that is cut in one direction closes no connection: whichever of the
// two sides is not heard any more, the session goes at the pong's deadline.
func TestHalfOpenPeerIsGoneAtThePongDeadline(t *testing.T) {
	t.Parallel()
	for direction, deaf := range map[string]bool{
		"the server does not hear the client": true,
		"the client does not hear the server": false,
	} {
		t.Run(direction, func(t *testing.T) {
			w := newWorld(t, persistencetest.Postgres(t))
			cable, err := newCable(t)
			if err != nil { // only root can lay one
				t.Logf("through a proxy, and not over a network of its own: %v", err)
				p := w.serve(quickPings...)
				wire := newWire(t, p.address)
				c := (&process{world: w, address: wire.address}).connect(user(0))
				go c.readOn() // and answer pings
				p.losesItsPeer(func() { wire.cut(deaf) })
				return
			}
			p := w.serve(append(quickPings, "--listen="+cable.here+":0")...)
			cable.connect("ws://" + p.address + "/ws/connect/?email=" + user(0))
			p.losesItsPeer(func() { cable.cut(deaf) })
		})
	}
}

// losesItsPeer cuts the network of the one client, and wants it gone in time.
func (p *process) losesItsPeer(cut func()) {
	p.Helper()
	p.within("the client to be greeted", func() bool { return len(p.listed()) == 1 })
	p.wantOnline(user(0))
	cut()
	since := time.Now()
	p.wantOnlineIn(lostPromise + slack)
	p.Logf("ping after 500 ms, pong within 500 ms: gone after %s", time.Since(since).Round(time.Millisecond))
	if reasons := persistencetest.Reasons(p, p.url); len(reasons) != 1 || reasons[0] != "timeout" {
		p.Errorf("the history says %v, want timeout", reasons)
	}
}

// cable is a network between this end and a client in a network namespace, of which
// one direction can be cut without either kernel being told.
type cable struct {
	*testing.T
	here, there             string // the addresses
	deviceHere, deviceThere string
	client                  *exec.Cmd // it waits for a line, and then is the client
	start                   io.WriteCloser
}

// newCable fails where no namespace can be made. It goes with the client.
func newCable(t *testing.T) (*cable, error) {
	t.Helper()
	pid := os.Getpid()
	prefix := fmt.Sprintf("198.19.%d.", pid%256) // RFC 2544: for tests of networks
	c := &cable{
		T: t, here: prefix + "1", there: prefix + "2",
		deviceHere: fmt.Sprintf("rc%dh", pid), deviceThere: fmt.Sprintf("rc%dt", pid),
		client: exec.Command("/bin/sh", "-c", `read -r url && export `+asClient+`="$url" && exec "$0"`, os.Args[0]),
	}
	c.client.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	var err error
	if c.start, err = c.client.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.client.Start(); err != nil {
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	t.Cleanup(func() {
		_ = c.client.Process.Kill()
		_ = c.client.Wait()
		_ = run("ip", "link", "delete", c.deviceHere) // a socket that cannot say goodbye would keep it for minutes
	})
	return c, errors.Join(
		run("ip", "link", "add", c.deviceHere, "type", "veth", "peer", "name", c.deviceThere, "netns", c.namespace()),
		run("ip", "address", "add", c.here+"/30", "dev", c.deviceHere),
		run("ip", "link", "set", c.deviceHere, "up"),
		c.inside("ip", "address", "add", c.there+"/30", "dev", c.deviceThere),
		c.inside("ip", "link", "set", c.deviceThere, "up"),
	)
}

// connect lets the client begin.
func (c *cable) connect(url string) {
	c.Helper()
	if _, err := io.WriteString(c.start, url+"\n"); err != nil {
		c.Fatal(err)
	}
}

// cut sends what goes one way to a network card that nobody has.
func (c *cable) cut(deaf bool) {
	c.Helper()
	const nowhere = "02:00:00:00:00:01"
	var err error
	if deaf {
		err = c.inside("ip", "neighbour", "replace", c.here, "lladdr", nowhere, "dev", c.deviceThere, "nud", "permanent")
	} else {
		err = run("ip", "neighbour", "replace", c.there, "lladdr", nowhere, "dev", c.deviceHere, "nud", "permanent")
	}
	if err != nil {
		c.Fatal(err)
	}
}

func (c *cable) namespace() string { return fmt.Sprint(c.client.Process.Pid) }

func (c *cable) inside(command ...string) error {
	return run("nsenter", append([]string{"--target", c.namespace(), "--net"}, command...)...)
}

func run(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// wire is the network between a client and a server, which can be cut in one
// direction without either side's kernel noticing.
type wire struct {
	address    string
	deaf, mute atomic.Bool // nothing reaches the server; nothing comes from it
}

// cut swallows what goes to the server, or what comes from it.
func (w *wire) cut(deaf bool) {
	if deaf {
		w.deaf.Store(true)
	} else {
		w.mute.Store(true)
	}
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	w := &wire{address: l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				return
			}
			go carry(there, client, &w.deaf)
			go carry(client, there, &w.mute)
		}
	}()
	return w
}

// carry swallows what comes once the wire is cut, the end of it included.
func carry(to, from net.Conn, cut *atomic.Bool) {
	buf := make([]byte, 4<<10)
	for {
		n, err := from.Read(buf)
		if cut.Load() {
			if err != nil {
				return
			}
			continue
		}
		if _, broken := to.Write(buf[:n]); err != nil || broken != nil {
			_ = to.Close()
			return
		}
	}
}

// readOn reads until the end, which answers pings.
func (c *client) readOn() {
	for err := error(nil); err == nil; {
		_, _, err = c.ReadMessage()
	}
}
