package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// client is a WebSocket client that fails its test when it is disappointed.
type client struct {
	*websocket.Conn
	t *testing.T
}

func dial(t *testing.T, s *testServer, target string) *client {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial("ws://"+s.address+target, nil)
	if err != nil {
		t.Fatalf("dial %.80s: %v", target, err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetReadDeadline(time.Now().Add(patience))
	return &client{c, t}
}

func (c *client) read() string {
	c.t.Helper()
	_, payload, err := c.ReadMessage()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return string(payload)
}

func (c *client) write(kind int, payload string) {
	c.t.Helper()
	if err := c.WriteMessage(kind, []byte(payload)); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

// wantClose reads until the close, and compares it.
func (c *client) wantClose(want rollcall.Close) {
	c.t.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		closed, ok := errors.AsType[*websocket.CloseError](err)
		if !ok || closed.Code != want.Code || closed.Text != want.Reason {
			c.t.Errorf("the connection ended with %v, want %v", err, want)
		}
		return
	}
}

// raw is a connection below the frames.
type raw struct {
	net.Conn
	*bufio.Reader
	t *testing.T
}

func (r *raw) Read(p []byte) (int, error) { return r.Reader.Read(p) }

func rawDial(t *testing.T, s *testServer) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

func upgraded(t *testing.T, s *testServer, target string) *raw {
	t.Helper()
	conn := rawDial(t, s)
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", target, s.address)
	r := bufio.NewReader(conn)
	answer, err := http.ReadResponse(r, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("the upgrade was answered %v, %v", answer, err)
	}
	return &raw{conn, r, t}
}

// frame reads one frame of the server.
func (r *raw) frame() (opcode byte, payload []byte) {
	r.t.Helper()
	head := make([]byte, 2)
	if _, err := io.ReadFull(r, head); err != nil {
		r.t.Fatalf("reading a frame: %v", err)
	}
	size := uint64(head[1])
	switch size {
	case 126:
		wide := make([]byte, 2)
		_, _ = io.ReadFull(r, wide)
		size = uint64(binary.BigEndian.Uint16(wide))
	case 127:
		wide := make([]byte, 8)
		_, _ = io.ReadFull(r, wide)
		size = binary.BigEndian.Uint64(wide)
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		r.t.Fatalf("reading a frame's payload: %v", err)
	}
	return head[0] & 0x0f, payload
}

// masked makes a client's frame, with the mask zero.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// within waits for something that happens soon.
func within(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for !condition() {
		select {
		case <-every.C:
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
