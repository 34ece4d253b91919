package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

const (
	// crumbEvery is how often a client that starves its server sends a byte.
	crumbEvery = 100 * time.Millisecond
	// wordSize is what a client says that does not listen.
	wordSize = 4 << 10
	// floodFrames are sent in one piece by a client that floods.
	floodFrames = 1 << 10
	// rogueKinds is how many ways there are to misbehave (see run), and rogueEach
	// how many clients do each at the same time.
	rogueKinds = 5
	rogueEach  = 5
	// rogueTime is how long they do it. A hundred clients at the same server get
	// replies enough in two such times to judge by.
	rogueTime = 15 * time.Second
)

// tinyFrame is the text {} under a mask of zeros.
var tinyFrame = []byte{0x81, 0x82, 0, 0, 0, 0, '{', '}'}

// hugeHead announces a frame of 1 TiB: final, text, masked, with 64 bits of length.
var hugeHead = []byte{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4}

// rogues are clients that break the rules, or strain them. What they do may end
// their own sockets, and must not be felt by anybody else.
type rogues struct {
	users   []int // a rogue each
	history *history
}

// run lets all of them misbehave at a server, until the context ends.
func (r *rogues) run(ctx context.Context, s *server) {
	var wait sync.WaitGroup
	for i, user := range r.users {
		wait.Go(func() {
			switch i % rogueKinds {
			case 0:
				r.neverRead(ctx, s, user)
			case 1:
				r.flood(ctx, s, user)
			case 2:
				r.announce(ctx, s, user)
			case 3:
				r.vanish(ctx, s, user)
			case 4:
				starve(ctx, s)
			}
		})
	}
	wait.Wait()
}

// connect opens a socket that misbehaves from its greeting on.
func (r *rogues) connect(ctx context.Context, s *server, user int) *conversation {
	talk, err := dial(ctx, new(net.Dialer).DialContext, r.history, s, user)
	if err != nil || !talk.greeting() {
		return nil
	}
	talk.ending()
	return talk
}

// neverRead asks for replies and does not take them.
func (r *rogues) neverRead(ctx context.Context, s *server, user int) {
	talk := r.connect(ctx, s, user)
	if talk == nil {
		return
	}
	word := make([]byte, wordSize)
	stop := context.AfterFunc(ctx, func() { _ = talk.Close() })
	defer stop()
	for talk.WriteMessage(websocket.TextMessage, word) == nil {
	}
	<-ctx.Done()
	talk.over(nil)
}

// flood sends more than is allowed, in large pieces, so that the work is the
// server's, and takes the replies without a look at them.
func (r *rogues) flood(ctx context.Context, s *server, user int) {
	piece := bytes.Repeat(tinyFrame, floodFrames)
	for ctx.Err() == nil {
		talk := r.connect(ctx, s, user)
		if talk == nil {
			return
		}
		conn := talk.NetConn()
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		go func() {
			for {
				if _, err := conn.Write(piece); err != nil {
					return
				}
			}
		}()
		_, _ = io.Copy(io.Discard, conn) // until the server has had enough
		stop()
		talk.reset()
		talk.over(nil)
		rest(ctx, crumbEvery)
	}
}

// announce sends the heads of frames that no server should make room for.
func (r *rogues) announce(ctx context.Context, s *server, user int) {
	for ctx.Err() == nil {
		talk := r.connect(ctx, s, user)
		if talk == nil {
			return
		}
		_, _ = talk.NetConn().Write(hugeHead)
		_ = talk.SetReadDeadline(time.Now().Add(dialTimeout))
		_, _, err := talk.ReadMessage()
		if closed, ok := errors.AsType[*websocket.CloseError](err); !ok || closed.Code != rollcall.CloseTooBig.Code {
			r.history.surprise(fmt.Sprintf("a frame of 1 TiB was answered with %v", err))
		}
		_ = talk.Close()
		talk.over(err)
		rest(ctx, crumbEvery)
	}
}

// vanish goes before it is greeted, again and again.
func (r *rogues) vanish(ctx context.Context, s *server, user int) {
	for ctx.Err() == nil {
		talk, err := dial(ctx, new(net.Dialer).DialContext, r.history, s, user)
		if err != nil {
			return
		}
		talk.reset()
		talk.over(nil)
		rest(ctx, crumbEvery)
	}
}

// starve begins a handshake and takes its time.
func starve(ctx context.Context, s *server) {
	conn, err := net.DialTimeout("tcp", s.address, dialTimeout)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /ws/connect/ HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
		return
	}
	for ctx.Err() == nil {
		if _, err := io.WriteString(conn, "x"); err != nil {
			return // the server had enough, as it should
		}
		rest(ctx, crumbEvery)
	}
}
