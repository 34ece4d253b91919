package transport

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a network inside a bubble, where time is exact.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// pipeServer is a server in a bubble, and its fakes.
type pipeServer struct {
	*Server
	network  *pipes
	tokens   *fakeTokens
	watching *fakeWatching
}

// inBubble runs a test with a server, and ends both.
func inBubble(t *testing.T, test func(*testing.T, *pipeServer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := &pipeServer{
			network: &pipes{make(chan net.Conn), make(chan struct{})}, tokens: &fakeTokens{}, watching: newFakeWatching(),
		}
		p.Server = New(Config{
			Presence: newFakePresence(), Watching: p.watching, Reaching: &fakeReaching{}, Tokens: p.tokens,
			Logger: slog.New(slog.DiscardHandler), Reader: ReaderGoroutine,
			PingInterval: time.Second, PongTimeout: time.Second, MaxWatchers: 2,
		})
		served := make(chan struct{})
		go func() { defer close(served); _ = p.Serve(p.network) }()
		test(t, p)
		p.Close()
		<-served
		time.Sleep(lookupEvery) // the lookup of tokens ends by itself
	})
}

// request sends one, and returns what comes back of it, as it comes.
func (p *pipeServer) request(text string) *arriving {
	here, there := net.Pipe()
	a := &arriving{conn: here}
	p.network.conns <- &countedConn{there, &a.writes}
	go a.read()
	_, _ = io.WriteString(here, strings.ReplaceAll(text, "\n", "\r\n"))
	synctest.Wait()
	return a
}

// watch asks for a stream.
func (p *pipeServer) watch(target, headers string) *arriving {
	return p.request("GET " + apiPath + streamPath + target + " HTTP/1.1\nHost: here\nAuthorization: Token " + goodToken0 + "\n" + headers + "\n")
}

// arriving is an answer that goes on. It is looked at when the bubble is still.
type arriving struct {
	conn   net.Conn
	writes atomic.Int64 // of the server
	mu     sync.Mutex   // guards what follows
	status int
	header http.Header
	got    strings.Builder
	over   bool
}

// countedConn counts what would each be a call of the system.
type countedConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

func (a *arriving) read() {
	answer, err := http.ReadResponse(bufio.NewReader(a.conn), nil)
	if err == nil {
		a.note(func() { a.status, a.header = answer.StatusCode, answer.Header })
		b, n := make([]byte, 1<<10), 0
		for err == nil {
			n, err = answer.Body.Read(b)
			a.note(func() { a.got.Write(b[:n]) })
		}
	}
	a.note(func() { a.over = true })
}

func (a *arriving) note(do func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	do()
}

// next returns what has come since it was last asked.
func (a *arriving) next() string {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.got.Reset()
	return a.got.String()
}

// isOver reports whether it has ended.
func (a *arriving) isOver() bool {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.over
}

// was is the status.
func (a *arriving) was() int {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.status
}

// had is what a header was.
func (a *arriving) had(name string) string {
	synctest.Wait()
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.header.Get(name)
}

// A body is announced, and does not come: nobody may keep the server waiting for
// longer than it takes to send one, and without a use for it not at all.
func TestBodyThatDoesNotComeIsGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, p *pipeServer) {
		head := " " + apiPath + "/messages HTTP/1.1\nHost: here\nAuthorization: Token " + goodToken0 +
			"\nContent-Type: application/json\nContent-Length: 13\n\n"
		slow, useless := p.request("POST"+head+`{"mess`), p.request("GET"+head)
		synctest.Wait()
		if useless.was() != http.StatusMethodNotAllowed {
			t.Errorf("a body without a use is answered %d at once", useless.was())
		}
		time.Sleep(bodyTimeout)
		if text := slow.next(); slow.was() != http.StatusRequestTimeout || !strings.Contains(text, "body") {
			t.Errorf("a slow body is answered %d %s", slow.was(), text)
		}
		time.Sleep(time.Second) // net/http lingers for half of it
		synctest.Wait()
		if !closed(slow.conn) || !closed(useless.conn) {
			t.Error("a connection is kept for the rest of a body")
		}
	})
}

// closed reports whether the other end is.
func closed(c net.Conn) bool {
	_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return errors.Is(err, io.EOF)
}
