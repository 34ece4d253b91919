package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

const (
	// containerMemory is what the kernel gives the server, and containerGoal what
	// docs/operating.md advises to tell the Go runtime then.
	containerMemory = 256 << 20
	containerGoal   = 200 << 20
	// Of these clients each sends two messages of that size, reads nothing, and comes
	// again after a while. Together they offer all the memory that there is before
	// the test is over.
	hoarders = 60
	hoarded  = 1 << 20
	hoarding = 2 * time.Second
	offered  = containerMemory
	// glances is how often it is looked at least what everybody else sees of it.
	glances = 5
)

// In a container the kernel kills whoever takes too much. Clients that send long
// messages and never read the replies do not bring a server there: it goes on to
// answer probes, the list, whoever is in and whoever comes.
func TestFloodInAContainerKillsNobody(t *testing.T) {
	w := newWorld(t, persistencetest.Postgres(t))
	c := newContainer(t)
	cmd := c.command(buildServer(t), w.command()...)
	cmd.Env = []string{fmt.Sprintf("GOMEMLIMIT=%d", containerGoal)}
	p := w.start(cmd)
	p.listens()
	stays := p.connect(user(599))
	_ = stays.SetReadDeadline(time.Now().Add(3 * rudePatience))

	text := fmt.Appendf(nil, `{"message": %q}`, strings.Repeat("é", hoarded/len("é")-len(`{"message": ""}`)))
	message, err := websocket.NewPreparedMessage(websocket.TextMessage, text) // masked once: the flood is not to cost the machine
	if err != nil {
		t.Fatal(err)
	}
	var sent atomic.Int64
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for n := range hoarders {
		wait.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					p.hoard(user(n), message, &sent, stop)
				}
			}
		})
	}
	limit := time.Now().Add(rudePatience)
	for n := 0; n < glances || sent.Load() < offered; n++ {
		w.within("the server to be ready in the flood", func() bool {
			status, _ := p.get("/readyz")
			return status == http.StatusOK
		})
		if status, body := p.get("/api/hms/active-connections"); status != http.StatusOK {
			t.Fatalf("in the flood the list is answered %d %.200s", status, body)
		}
		stays.echo("undisturbed")
		p.comesInTheFlood(user(500))
		if time.Now().After(limit) {
			t.Fatalf("only %d MiB were sent, which proves nothing", sent.Load()>>20)
		}
	}
	close(stop)
	wait.Wait()
	peak := p.peakMemory()
	t.Logf("%s: %d MiB were sent, the server had %d MiB in memory at the most", c, sent.Load()>>20, peak>>20)
	if peak > containerMemory {
		t.Errorf("the server took %d MiB, want %d at the most", peak>>20, containerMemory>>20)
	}
	c.wantNoKill(t)
	p.wantOnline(user(599))
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
}

// hoard sends two long messages, whose replies are longer, and reads nothing until
// the server has enough of it, or the test.
func (p *process) hoard(email string, message *websocket.PreparedMessage, sent *atomic.Int64, stop <-chan struct{}) {
	dialer := websocket.Dialer{NetDial: func(network, address string) (net.Conn, error) {
		c, err := net.Dial(network, address)
		if err == nil { // the kernel's buffers would hold megabytes before the server had to
			err = c.(*net.TCPConn).SetReadBuffer(kernelBuffer)
		}
		return c, err
	}}
	c, _, err := dialer.Dial("ws://"+p.address+"/ws/connect/?email="+email, nil)
	if err != nil {
		return // a refusal in time is what comesInTheFlood looks at
	}
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(rudePatience))
	for range 2 {
		if c.WritePreparedMessage(message) == nil {
			sent.Add(hoarded)
		}
	}
	select {
	case <-time.After(hoarding): // so that it lies there
	case <-stop:
	}
}

// comesInTheFlood wants a connect to be let in, or to be told to come again.
func (p *process) comesInTheFlood(email string) {
	p.Helper()
	c, answer, err := websocket.DefaultDialer.DialContext(p.Context(), "ws://"+p.address+"/ws/connect/?email="+email, nil)
	if err != nil {
		if answer == nil || answer.StatusCode != http.StatusServiceUnavailable {
			p.Errorf("in the flood a handshake is answered %v, %v", answer, err)
		}
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	_, greeting, err := c.ReadMessage()
	if !bytes.Contains(greeting, []byte("connection_established")) && !websocket.IsCloseError(err, websocket.CloseTryAgainLater) {
		p.Errorf("in the flood a connect is answered %s, %v", greeting, err)
	}
}

// buildServer builds the program as it is delivered: the race detector takes a
// multiple of the memory.
func buildServer(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "rollcall")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the server: %v\n%s", err, out)
	}
	return binary
}

// container is a memory cgroup of either version. Where none can be made it has no
// folder, and the kernel does not kill: what the server takes is measured all the
// same.
type container struct {
	folder string
	events string // the file that counts who was killed
}

// newContainer needs root, and says so where it is missing.
func newContainer(t *testing.T) *container {
	t.Helper()
	name := fmt.Sprintf("rollcall-test-%d", os.Getpid())
	limit := fmt.Sprint(containerMemory)
	var reasons error
	for _, kind := range []struct {
		folder, events string
		limits         [][2]string
		swap           string // the limit of memory and swap together, or of swap alone; some kernels have none
		most           string
	}{
		{"/sys/fs/cgroup/memory", "memory.oom_control", [][2]string{{"memory.limit_in_bytes", limit}}, "memory.memsw.limit_in_bytes", limit},
		{"/sys/fs/cgroup", "memory.events", [][2]string{{"memory.max", limit}}, "memory.swap.max", "0"},
	} {
		c := &container{folder: filepath.Join(kind.folder, name)}
		c.events = filepath.Join(c.folder, kind.events)
		err := os.Mkdir(c.folder, 0o755)
		if err == nil {
			t.Cleanup(func() { c.remove(t) })
			for _, l := range kind.limits {
				err = errors.Join(err, c.set(l[0], l[1]))
			}
			if swap := c.set(kind.swap, kind.most); !errors.Is(swap, os.ErrNotExist) {
				err = errors.Join(err, swap)
			}
		}
		if err == nil {
			return c
		}
		reasons = errors.Join(reasons, err)
	}
	t.Logf("no container: %v", reasons)
	return &container{}
}

func (c *container) set(file, value string) error {
	f, err := os.OpenFile(filepath.Join(c.folder, file), os.O_WRONLY, 0) // never made: the kernel has it or not
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}

// command runs in the container from its first instruction on.
func (c *container) command(name string, args ...string) *exec.Cmd {
	if c.folder == "" {
		return exec.Command(name, args...)
	}
	enter := fmt.Sprintf(`echo $$ > %s/cgroup.procs && exec "$0" "$@"`, c.folder)
	return exec.Command("/bin/sh", append([]string{"-c", enter, name}, args...)...)
}

// wantNoKill asks the kernel.
func (c *container) wantNoKill(t *testing.T) {
	t.Helper()
	if c.folder == "" {
		return
	}
	events, err := os.ReadFile(c.events)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(events), "oom_kill 0\n") {
		t.Errorf("the kernel has killed in the container:\n%s", events)
	}
}

func (c *container) String() string {
	if c.folder == "" {
		return "without a container"
	}
	return "in a container of " + fmt.Sprint(containerMemory>>20) + " MiB"
}

// remove waits until the kernel has let go of the last process.
func (c *container) remove(t *testing.T) {
	await(t, "the container to be empty", func() bool {
		err := os.Remove(c.folder)
		return err == nil || errors.Is(err, os.ErrNotExist)
	})
}
