package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// quickPings make a lost client lost in a second.
var quickPings = []string{"--ping-interval=500ms", "--pong-timeout=500ms"}

// lostPromise is until a session without a network is gone: both settings above
// and the second that is promised.
const lostPromise = 500*time.Millisecond + 500*time.Millisecond + time.Second

// The kernel of a program that stands still goes on to acknowledge what it is
// sent; only a pong tells that somebody is there.
func TestStoppedClientIsGoneAtThePongDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, persistencetest.Postgres(t))
	p := w.serve(quickPings...)
	program := exec.Command(os.Args[0])
	program.Env = append(os.Environ(), asClient+"=ws://"+p.address+"/ws/connect/?email="+user(0))
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	t.Cleanup(func() { _ = program.Process.Kill() })
	p.wantOnline(user(0))

	if err := program.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.wantOnlineIn(lostPromise + slack)
	if err := program.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the client ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the client goes on and does not see that it was closed")
	}
}

// listen is a client program: it reads until its connection ends.
func listen(url string) (code int) {
	c, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	for err == nil {
		_, _, err = c.ReadMessage()
	}
	return exitOK
}

// A client that vanishes before its greeting, at whatever stage, leaves nothing:
// no row, no session, no place that is taken for ever.
func TestClientThatVanishesBeforeItsGreetingLeavesNothing(t *testing.T) {
	worlds(t, func(w *world) {
		p := w.serve()
		stays := p.connect(user(0))
		request := "GET /ws/connect/?email=" + user(1) + " HTTP/1.1\r\nHost: " + p.address + "\r\nUpgrade: websocket\r\n" +
			"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
		for stage, vanish := range map[string]func(net.Conn) error{
			"before its request":     func(net.Conn) error { return nil },
			"in the middle of it":    func(c net.Conn) error { return send(c, request[:len(request)/2]) },
			"right after it":         func(c net.Conn) error { return send(c, request) },
			"right after the answer": func(c net.Conn) error { return errors.Join(send(c, request), upgraded(c)) },
		} {
			for n := range 50 {
				c, err := net.Dial("tcp", p.address)
				if err != nil {
					t.Fatalf("%s: %v", stage, err)
				}
				if n%2 == 0 { // with a reset, and else with a goodbye of the kernel's
					_ = c.(*net.TCPConn).SetLinger(0)
				}
				if err := errors.Join(vanish(c), c.Close()); err != nil {
					t.Errorf("%s: %v", stage, err)
				}
			}
		}
		p.wantOnline(user(0))
		w.within("one socket to be left", func() bool { return strings.Contains(p.ready(), `"sockets":1,`) })
		stays.echo("undisturbed")
	})
}

func send(c net.Conn, text string) error {
	_, err := io.WriteString(c, text)
	return err
}

// upgraded reads the answer to a handshake, and not a byte more.
func upgraded(c net.Conn) error {
	_ = c.SetReadDeadline(time.Now().Add(patience))
	for seen := ""; !strings.HasSuffix(seen, "\r\n\r\n"); {
		one := make([]byte, 1)
		if _, err := c.Read(one); err != nil {
			return fmt.Errorf("after %q: %w", seen, err)
		}
		seen += string(one)
	}
	return nil
}

// A hundred connects of one user race for the one place: whoever wins, there is
// one row, it is the winner's, and everybody else has been told.
func TestHundredRacingConnectsHaveOneWinner(t *testing.T) {
	worlds(t, func(w *world) {
		for _, policy := range []struct {
			name   string
			losers int // the close code
		}{{"newest", 4004}, {"oldest", 4003}} {
			p := w.serve("--sessions=" + policy.name)
			winner := p.race(policy.losers)
			p.wantOnline(user(0))
			if rows := w.query("SELECT address FROM sessions"); len(rows) != 1 || rows[0] != winner.LocalAddr().String() {
				t.Errorf("%s: %s has won, and the row is of %v", policy.name, winner.LocalAddr(), rows)
			}
			younger := w.query("SELECT h.email FROM session_history AS h, sessions AS s WHERE h.connected_at > s.connected_at")
			if policy.name == "newest" && len(younger) > 0 {
				t.Errorf("%d who lost had come after the winner", len(younger))
			}
			p.signal(syscall.SIGTERM)
			p.wantExit(0)
			w.exec("DELETE FROM session_history")
		}
		p := w.serve("--sessions=many")
		var wait sync.WaitGroup
		for range 100 {
			wait.Go(func() { p.tryConnect(user(0)) })
		}
		wait.Wait()
		everybody := make([]string, 100)
		for i := range everybody {
			everybody[i] = user(0)
		}
		p.wantOnline(everybody...)
	})
}

// race lets a hundred connects of one user race, and returns the one that is
// left when all others were closed with the code.
func (p *process) race(losers int) *websocket.Conn {
	p.Helper()
	type end struct {
		c    *websocket.Conn
		code int
	}
	ends := make(chan end, 100)
	racers := make(chan *websocket.Conn, 100)
	for range 100 {
		go func() {
			c, err := p.dial(user(0))
			if err != nil {
				p.Errorf("dial: %v", err)
				racers <- nil
				return
			}
			racers <- c
			for err == nil {
				_, _, err = c.ReadMessage()
			}
			closed, _ := errors.AsType[*websocket.CloseError](err)
			if closed == nil {
				closed = &websocket.CloseError{}
			}
			ends <- end{c, closed.Code}
		}()
	}
	running := make(map[*websocket.Conn]bool)
	for range 100 {
		running[<-racers] = true
	}
	for len(running) > 1 {
		e := <-ends
		delete(running, e.c)
		if e.code != losers {
			p.Fatalf("a racer ended with %d, want %d", e.code, losers)
		}
		p.Cleanup(func() { _ = e.c.Close() })
	}
	for c := range running {
		p.Cleanup(func() { _ = c.Close() })
		return c
	}
	return nil
}

// tryConnect connects and stays.
func (p *process) tryConnect(email string) {
	c, err := p.dial(email)
	if err == nil {
		p.Cleanup(func() { _ = c.Close() })
		_, _, err = c.ReadMessage()
	}
	if err != nil {
		p.Errorf("%s: %v", email, err)
	}
}

// ready is the body of readyz.
func (p *process) ready() string {
	p.Helper()
	body, _ := p.readyz()
	return body
}

func (p *process) readyz() (body string, answer *http.Response) {
	p.Helper()
	answer, err := http.Get("http://" + p.address + "/readyz")
	if err != nil {
		p.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	read, err := io.ReadAll(bufio.NewReader(answer.Body))
	if err != nil {
		p.Fatal(err)
	}
	return string(read), answer
}
