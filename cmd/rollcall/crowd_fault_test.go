package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
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
	// echoBound is what the others may have to wait on a machine that does a
	// lot besides. What they wait is printed.
	echoBound = 2 * time.Second
)

// Clients misbehave in every way that there is, all at once: each is put out for
// it, and whoever behaves notices nothing.
func TestMisbehavingClientsDisturbNobody(t *testing.T) {
	w := newWorld(t, persistencetest.Postgres(t))
	p := w.serve("--max-message-rate=200")
	stop := make(chan struct{})
	waits := make(chan []time.Duration, rudeness)
	var others []string
	for n := range rudeness {
		c := p.connect(user(n))
		others = append(others, user(n))
		go func() { waits <- c.talk(stop) }()
	}
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
	var all []time.Duration
	for range rudeness {
		all = append(all, <-waits...)
	}
	if len(all) == 0 {
		t.Fatal("nobody talked meanwhile")
	}
	slices.Sort(all)
	p50, p99 := all[len(all)/2], all[len(all)*99/100]
	t.Logf("%d echoes of the others: p50 %s, p99 %s, the longest %s", len(all), p50, p99, all[len(all)-1])
	if p99 > echoBound {
		t.Errorf("the others waited %s for one echo in a hundred", p99)
	}
	p.wantOnline(others...)
}

// talk echoes at its leisure, and returns what each took; nothing if its
// connection ended.
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
			return nil
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
