package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

const (
	// rudeness is how many clients misbehave in each way at the same time.
	rudeness = 5
	// rudePatience is until the slowest of them is put out: a write has ten
	// seconds and two of grace, a request's head ten, and a whole one fifteen.
	rudePatience = 60 * time.Second
	// echoEvery is how often each of the others talks.
	echoEvery = 20 * time.Millisecond
	// What one echo in a hundred of the others may take: what is promised, or, on a
	// machine that does a lot besides, a multiple of what it takes at the same time on a
	// server that has no crowd.
	echoPromise = 50 * time.Millisecond
	echoFactor  = 5
	// telling is how many echoes tell something of one in a hundred.
	telling = 1000
)

// Clients misbehave in every way that there is, all at once: each is put out for
// it, and whoever behaves notices nothing.
func TestMisbehavingClientsDisturbNobody(t *testing.T) {
	w := newWorld(t, persistencetest.Postgres(t))
	quiet := newWorld(t, persistencetest.Postgres(t))
	binary := buildServer(t) // the race detector makes long messages ten times as long
	p, alike := w.start(exec.Command(binary, w.command("--max-message-rate=200")...)), quiet.start(exec.Command(binary, quiet.command()...))
	p.listens()
	alike.listens()
	var others []string
	var here, there []*client
	for n := range rudeness {
		others = append(others, user(n))
		here, there = append(here, p.connect(user(n))), append(there, alike.connect(user(n)))
	}
	stop := make(chan struct{})
	crowded, alone := make(chan time.Duration), make(chan time.Duration)
	go func() { crowded <- p99(t, "beside the crowd", here, stop) }()
	go func() { alone <- p99(t, "without a crowd", there, stop) }()
	var rude sync.WaitGroup
	next := rudeness
	for name, misbehave := range map[string]func(*process, string) error{
		"never reads":                  (*process).neverReads,
		"floods":                       (*process).floods,
		"announces a huge frame":       (*process).announces,
		"never ends its handshake":     (*process).dribblesHead,
		"never ends a request's body":  (*process).dribblesBody,
		"opens a connection, and naps": (*process).naps,
	} {
		for range rudeness {
			email := user(next)
			next++
			rude.Go(func() {
				began := time.Now()
				if err := misbehave(p, email); err != nil {
					t.Errorf("who %s was not put out in %s: %v", name, time.Since(began).Round(time.Millisecond), err)
				}
			})
		}
	}
	rude.Wait()
	close(stop)
	if took, bound := <-crowded, max(echoPromise, echoFactor*<-alone); took > bound {
		t.Errorf("one echo in a hundred of the others took %s, want %s at the most", took, bound)
	}
	p.wantOnline(others...)
}

// p99 lets clients talk at the same time, and returns what 99 of 100 echoes took at
// the most.
func p99(t *testing.T, where string, clients []*client, stop <-chan struct{}) time.Duration {
	var mu sync.Mutex
	var all []time.Duration
	var wait sync.WaitGroup
	for _, c := range clients {
		wait.Go(func() {
			took := c.talk(stop)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wait.Wait()
	if len(all) < telling {
		t.Errorf("%s there were %d echoes, which prove nothing", where, len(all))
		return 0
	}
	slices.Sort(all)
	most := all[len(all)*99/100]
	t.Logf("%s: %d echoes, p50 %s, p99 %s, the longest %s", where, len(all), all[len(all)/2], most, all[len(all)-1])
	return most
}

// talk echoes at its leisure until it is told to stop or its connection ends, and
// returns what each took.
func (c *client) talk(stop <-chan struct{}) (took []time.Duration) {
	_ = c.SetReadDeadline(time.Now().Add(2 * rudePatience))
	every := time.NewTicker(echoEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
		case <-stop:
			return took
		}
		sent := time.Now()
		err := c.WriteMessage(websocket.TextMessage, []byte(`{"message": "hello"}`))
		if err == nil {
			_, _, err = c.ReadMessage()
		}
		if err != nil {
			c.p.Errorf("who behaved was disturbed: %v", err)
			return took
		}
		took = append(took, time.Since(sent))
	}
}

// neverReads sends what must be answered, just below the rate that is allowed,
// until the server has enough of it.
func (p *process) neverReads(email string) error {
	c, err := p.dial(email)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	message := fmt.Appendf(nil, `{"message": %q}`, strings.Repeat("x", 256<<10))
	_ = c.SetWriteDeadline(time.Now().Add(rudePatience))
	for err == nil {
		err = c.WriteMessage(websocket.TextMessage, message)
	}
	return putOut(err)
}

// floods sends more than is allowed, and reads why it is put out.
func (p *process) floods(email string) error {
	c, err := p.dial(email)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetWriteDeadline(time.Now().Add(rudePatience))
	go func() {
		for c.WriteMessage(websocket.TextMessage, []byte(`{}`)) == nil {
		}
	}()
	return closedWith(c, 4006)
}

// announces a frame of a terabyte.
func (p *process) announces(email string) error {
	c, err := p.dial(email)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := c.NetConn().Write([]byte{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4}); err != nil {
		return err
	}
	return closedWith(c, websocket.CloseMessageTooBig)
}

func closedWith(c *websocket.Conn, code int) (err error) {
	_ = c.SetReadDeadline(time.Now().Add(rudePatience))
	for err == nil {
		_, _, err = c.ReadMessage()
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != code {
		return fmt.Errorf("it ended with %w, and not with %d", err, code)
	}
	return nil
}

// dribblesHead sends a handshake byte by byte, and never ends it.
func (p *process) dribblesHead(email string) error {
	return p.dribble("GET /ws/connect/?email=" + email + " HTTP/1.1\r\nHost: x\r\nX-Slow: ")
}

// dribblesBody does the same with a body.
func (p *process) dribblesBody(string) error {
	return p.dribble("POST /api/hms/active-connections HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
}

func (p *process) dribble(begin string) error {
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	ended := make(chan error, 1)
	go func() { ended <- readUntilPutOut(c) }()
	_, err = io.WriteString(c, begin)
	every := time.NewTicker(200 * time.Millisecond)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			_, _ = io.WriteString(c, "x") // the answer is for the reader to see
		case err := <-ended:
			return err
		}
		if err != nil {
			return err
		}
	}
}

// naps connects and says nothing.
func (p *process) naps(string) error {
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return readUntilPutOut(c)
}

func readUntilPutOut(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(rudePatience))
	_, err := io.Copy(io.Discard, c)
	return putOut(err)
}

// putOut is how a connection ended: only one that is still open is an error.
func putOut(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}
