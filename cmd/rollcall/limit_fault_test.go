package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// openFiles is a limit that leaves places for few sockets: all others are kept
// from them.
const openFiles = fileReserve + 44

// A server with few open files refuses sockets at a limit of its own, before the
// kernel refuses it a file. However many come and say nothing, the list and the
// health are answered, those who are in go on, and nothing is killed.
func TestServerAtItsLimitOfOpenFilesRefusesInGoodTime(t *testing.T) {
	worlds(t, func(w *world) {
		limited := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, openFiles)
		args := append([]string{"-c", limited, os.Args[0]}, w.command("--log-level=debug", "--max-watchers=0")...)
		p := w.start(exec.Command("/bin/sh", args...))
		p.listens()
		clients := p.connectAll(openFiles - fileReserve)
		p.wantFull()
		for range 2 * openFiles {
			c, err := net.Dial("tcp", p.address)
			if err != nil {
				t.Fatalf("a connection was refused: %v", err)
			}
			t.Cleanup(func() { _ = c.Close() })
		}
		p.wantFull()
		if listed := p.listed(); len(listed) != len(clients) {
			t.Errorf("%d are listed, want %d", len(listed), len(clients))
		}
		for _, c := range clients {
			c.echo("undisturbed")
		}
		if strings.Contains(p.said(), "too many open files") {
			t.Errorf("the kernel refused a file:\n%s", p.said())
		}
		clients[0].leave()
		w.within("a place to be free", func() bool { return strings.Contains(p.ready(), `"status":"ok"`) })
		p.connect(user(0))
	})
}

// wantFull wants the one answer of a full server, to those who come and to those
// who would send somebody.
func (p *process) wantFull() {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), patience)
	defer cancel()
	_, answer, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+p.address+"/ws/connect/?email="+user(1), nil)
	if !errors.Is(err, websocket.ErrBadHandshake) || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
		p.Errorf("a full server answers a handshake with %v, %v", answer, err)
	}
	if body, answer := p.readyz(); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, `"reason":"full"`) {
		p.Errorf("a full server says of itself %d %s", answer.StatusCode, body)
	}
}

const (
	// memoryLimit is what the Go runtime is told to try to stay below.
	memoryLimit = 128 << 20
	// memoryBound is the container that would not have killed it. The race
	// detector takes a multiple of what it watches.
	memoryBound = 3 * memoryLimit
	// Of these clients each sends as fast as it can, and only the first read.
	readers = 5
	flooded = 40
	// enough is how much the readers are answered until the test is over. Each of
	// the others could have had as much lie in memory.
	enough = 8 << 20
	// kernelBuffer is what waits for those who do not read outside of the server.
	kernelBuffer = 16 << 10
)

// Clients that send without end and never read must not fill the memory: what
// is read of each is bounded, and so is what waits for it. The server is told of
// a small limit, and is not near to being killed.
func TestFloodDoesNotFillTheMemory(t *testing.T) {
	w := newWorld(t, persistencetest.Postgres(t))
	cmd := exec.Command(os.Args[0], w.command("--max-message-rate=0")...)
	cmd.Env = []string{fmt.Sprintf("GOMEMLIMIT=%d", memoryLimit)}
	p := w.start(cmd)
	p.listens()
	stays := p.connect(user(599))
	_ = stays.SetReadDeadline(time.Now().Add(3 * rudePatience))
	var answered atomic.Int64
	var wait sync.WaitGroup
	for n := range flooded {
		wait.Go(func() { p.flood(user(n), n < readers, &answered) })
	}
	for limit := time.Now().Add(2 * rudePatience); answered.Load() < enough; {
		if stays.echo("undisturbed"); time.Now().After(limit) {
			t.Fatalf("only %d MiB were answered, which proves nothing", answered.Load()>>20)
		}
	}
	peak := p.peakMemory()
	if peak > memoryBound {
		t.Errorf("the server took %d MiB, want %d at the most", peak>>20, memoryBound>>20)
	}
	t.Logf("%d MiB were answered; the server had %d MiB in memory at the most", answered.Load()>>20, peak>>20)
	stays.echo("still here")
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
	wait.Wait()
}

// flood sends until the connection ends. What readers are answered is counted.
func (p *process) flood(email string, reads bool, answered *atomic.Int64) {
	dialer := websocket.Dialer{NetDial: func(network, address string) (net.Conn, error) {
		c, err := net.Dial(network, address)
		if err == nil && !reads { // the kernel's buffers would hold megabytes before the server had to
			err = c.(*net.TCPConn).SetReadBuffer(kernelBuffer)
		}
		return c, err
	}}
	c, _, err := dialer.Dial("ws://"+p.address+"/ws/connect/?email="+email, nil)
	if err != nil {
		p.Errorf("%s cannot dial: %v", email, err)
		return
	}
	defer func() { _ = c.Close() }()
	if reads {
		go func() { _, _ = io.Copy(counter{answered}, c.NetConn()) }()
	}
	message := append(append([]byte(`{"message": "`), bytes.Repeat([]byte("x"), 16<<10)...), `"}`...)
	_ = c.SetWriteDeadline(time.Now().Add(3 * rudePatience))
	for err == nil {
		err = c.WriteMessage(websocket.TextMessage, message)
	}
}

// counter counts the bytes that are written to it.
type counter struct{ *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.Add(int64(len(p)))
	return len(p), nil
}

// peakMemory is the most that the process ever had in memory, in bytes.
func (p *process) peakMemory() int64 {
	p.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.Fatal(err)
	}
	var kilobytes int64
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		p.Fatalf("the kernel does not say how much memory the server took: %v", err)
	}
	return kilobytes << 10
}
