package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// client is one client of a server, which has read its greeting.
type client struct {
	*websocket.Conn
	p *process
}

// dial opens a socket.
func (p *process) dial(email string) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+p.address+"/ws/connect/?email="+email, nil)
	if err != nil {
		return nil, err
	}
	return c, c.SetReadDeadline(time.Now().Add(patience))
}

// connect opens a socket and reads its greeting.
func (p *process) connect(email string) *client {
	p.Helper()
	c, err := p.dial(email)
	if err != nil {
		p.Fatalf("%s cannot dial: %v", email, err)
	}
	p.Cleanup(func() { _ = c.Close() })
	one := &client{c, p}
	if got, want := one.read(), string(rollcall.Greeting(rollcall.Email(email))); got != want {
		p.Fatalf("%s was greeted %s", email, got)
	}
	return one
}

// connectAll opens sockets for the first n users, all at once.
func (p *process) connectAll(n int) []*client {
	p.Helper()
	all := make([]*client, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			c, err := p.dial(user(i))
			if err != nil {
				p.Errorf("%s cannot dial: %v", user(i), err)
				return
			}
			all[i] = &client{c, p}
			if _, payload, err := c.ReadMessage(); err != nil || string(payload) != string(rollcall.Greeting(rollcall.Email(user(i)))) {
				p.Errorf("%s was greeted %s, %v", user(i), payload, err)
			}
		})
	}
	wait.Wait()
	p.Cleanup(func() {
		for _, c := range all {
			if c != nil {
				_ = c.Close()
			}
		}
	})
	if p.Failed() {
		p.FailNow()
	}
	return all
}

func (c *client) read() string {
	c.p.Helper()
	_, payload, err := c.ReadMessage()
	if err != nil {
		c.p.Fatalf("read: %v", err)
	}
	return string(payload)
}

// echo sends a message and reads its reply.
func (c *client) echo(message string) {
	c.p.Helper()
	if err := c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"message": %q}`, message)); err != nil {
		c.p.Fatalf("write: %v", err)
	}
	if got := c.read(); !strings.Contains(got, "Server received: "+message) {
		c.p.Errorf("the reply to %s is %s", message, got)
	}
}

// leave closes the socket as a browser does.
func (c *client) leave() {
	c.p.Helper()
	if err := c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "")); err != nil {
		c.p.Fatalf("close: %v", err)
	}
	c.wantClose(1000)
}

// wantClose reads on until the close, and compares its code.
func (c *client) wantClose(code int) {
	c.p.Helper()
	for {
		_, _, err := c.ReadMessage()
		if err == nil {
			continue
		}
		if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != code {
			c.p.Errorf("the socket ended with %v, want close %d", err, code)
		}
		return
	}
}
