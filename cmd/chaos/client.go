package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// dialTimeout is how long a client waits for its handshake and its greeting;
	// then it gives up and comes again.
	dialTimeout = 5 * time.Second
	// goodbyeTimeout is how long it waits for the answer to its close frame.
	goodbyeTimeout = 2 * time.Second
	// A client says something every talkLeast to talkMost.
	talkLeast = 500 * time.Millisecond
	talkMost  = 3 * time.Second
	// replyTimeout is more than any fault lasts. A reply that has not come by
	// then will not.
	replyTimeout = 60 * time.Second
	// One that does not stay leaves after lifeLeast to lifeMost, and is away for
	// up to awayMost.
	lifeLeast = 500 * time.Millisecond
	lifeMost  = 30 * time.Second
	awayMost  = 4 * time.Second
)

// client is one client, which comes and goes.
type client struct {
	user    int
	stays   bool // it never leaves by itself
	draw    *rand.Rand
	fleet   *fleet
	history *history
}

// conversation is one socket of a client.
type conversation struct {
	*websocket.Conn
	truth   *socket
	history *history
	replies chan moment // when each reply was read; closed at the end of the socket
}

// run connects again and again until the context ends.
func (c *client) run(ctx context.Context) {
	failures := 0
	for ctx.Err() == nil {
		wait := reconnectLeast
		if s := c.fleet.pick(c.draw); s != nil {
			code, greeted := c.live(ctx, s)
			if greeted {
				failures = 0
			}
			again, wants := pauseAfter(code, failures, c.draw)
			if !wants {
				return // the checker says whether it had to be told so
			}
			wait = again
			if greeted && code == rollcall.CloseNormal.Code {
				wait = c.between(0, awayMost)
			}
		}
		failures++
		rest(ctx, wait)
	}
}

// live is one socket from its first byte to its last.
func (c *client) live(ctx context.Context, s *server) (code int, greeted bool) {
	talk, err := dial(ctx, new(net.Dialer).DialContext, c.history, s, c.user)
	if err != nil {
		return rollcall.CloseVanished.Code, false
	}
	defer func() { _ = talk.Close() }()
	if !talk.greeting() {
		return talk.truth.code, false
	}
	go talk.listen()
	var end <-chan time.Time // never, for one that stays
	if !c.stays {
		end = time.After(c.between(lifeLeast, lifeMost))
	}
	for {
		select {
		case _, open := <-talk.replies:
			if !open {
				return talk.truth.code, true
			}
			c.history.surprise(fmt.Sprintf("%s got a frame that it did not ask for, at %s", email(c.user), clock(c.history.now())))
		case <-time.After(c.between(talkLeast, talkMost)):
			if !talk.echo() {
				return talk.truth.code, true
			}
		case <-end:
			c.leave(talk)
			return rollcall.CloseNormal.Code, true
		case <-ctx.Done():
			c.leave(talk)
			return rollcall.CloseNormal.Code, true
		}
	}
}

// leave ends the socket, with or without a word.
func (c *client) leave(talk *conversation) {
	if c.draw.IntN(3) == 0 {
		talk.vanish()
		return
	}
	talk.ending()
	_ = talk.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(rollcall.CloseNormal.Code, ""), time.Now().Add(goodbyeTimeout))
	_ = talk.SetReadDeadline(time.Now().Add(goodbyeTimeout))
	for range talk.replies { // until the server has answered, or does not
	}
}

func (c *client) between(least, most time.Duration) time.Duration {
	return least + time.Duration(c.draw.Int64N(int64(most-least)))
}

// dialer makes the connection below a socket.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// dial opens a socket, and notes it whether that succeeds or not: a server may
// still admit what its client has given up.
func dial(ctx context.Context, network dialer, h *history, s *server, user int) (*conversation, error) {
	truth := h.dials(user, s.name)
	dialer := websocket.Dialer{NetDialContext: network, HandshakeTimeout: dialTimeout}
	conn, response, err := dialer.DialContext(ctx, "ws://"+s.address+"/ws/connect/?email="+email(user), nil)
	if response != nil && err != nil {
		_ = response.Body.Close()
	}
	talk := &conversation{Conn: conn, truth: truth, history: h, replies: make(chan moment, 1)}
	if err != nil {
		talk.over(nil)
		return nil, fmt.Errorf("%s dials %s: %w", email(user), s.name, err)
	}
	return talk, nil
}

// greeting reads the first frame.
func (t *conversation) greeting() bool {
	_ = t.SetReadDeadline(time.Now().Add(dialTimeout))
	_, first, err := t.ReadMessage()
	if err != nil {
		_ = t.Close()
		t.over(err)
		return false
	}
	at := t.history.now()
	if want := string(rollcall.Greeting(rollcall.Email(email(t.truth.user)))); string(first) != want {
		t.history.surprise(fmt.Sprintf("%s was greeted with %q", email(t.truth.user), first))
	}
	_ = t.SetReadDeadline(time.Time{})
	t.history.change(func() { t.truth.greeted = at })
	return true
}

// listen reads until the socket ends.
func (t *conversation) listen() {
	defer close(t.replies)
	for {
		if _, _, err := t.ReadMessage(); err != nil {
			t.over(err)
			return
		}
		t.replies <- t.history.now()
	}
}

// echo says something and waits for the reply. It answers false when the socket
// has ended instead.
func (t *conversation) echo() bool {
	sent := t.history.now()
	_ = t.SetWriteDeadline(time.Now().Add(dialTimeout))
	if err := t.WriteMessage(websocket.TextMessage, []byte(`{"message": "here"}`)); err != nil {
		for range t.replies { // its reader finds out why
		}
		return false
	}
	timeout := time.NewTimer(replyTimeout)
	defer timeout.Stop()
	select {
	case read, open := <-t.replies:
		if open {
			t.history.echoed(echo{t.truth.node, sent, read - sent})
		}
		return open
	case <-timeout.C:
		t.history.surprise(fmt.Sprintf("%s got no reply from %s to what it said at %s", email(t.truth.user), t.truth.node, clock(sent)))
		t.vanish()
		return false
	}
}

// ending notes that the client is about to end its socket, unless that has
// ended already.
func (t *conversation) ending() {
	t.history.change(func() {
		if t.truth.left == never {
			t.truth.leaving = min(t.truth.leaving, t.history.now())
			t.truth.mine = true
		}
	})
}

// vanish ends the socket with a reset, as a process that crashed does.
func (t *conversation) vanish() {
	t.reset()
	for range t.replies { // its reader notes the end
	}
}

// reset is vanish for a socket that nobody reads.
func (t *conversation) reset() {
	t.ending()
	if tcp, ok := t.NetConn().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = t.Close()
}

// over notes that the socket has ended, and what its client was told. The first
// end counts.
func (t *conversation) over(err error) {
	t.history.change(func() {
		if t.truth.left != never {
			return
		}
		now := t.history.now()
		t.truth.leaving, t.truth.left = min(t.truth.leaving, now), now
		if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
			t.truth.code = closed.Code
		}
	})
}

// rest waits, or until the context ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
