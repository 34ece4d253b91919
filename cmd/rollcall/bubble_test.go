package main

import (
	"context"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// The whole server but its process lives a working day in a bubble of fake time, over
// connections in memory: every lease is renewed, every ping sent and answered,
// and three times in each hour all the lists agree. It takes seconds.
func TestDayOfTraffic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, bubbleLease)
		day := rand.New(rand.NewPCG(2025, 10)) // the same day each time
		var here []*bubbleClient
		for look := range 24 {
			for range 30 {
				switch n := day.IntN(10); {
				case n < 3:
					here = append(here, b.connect(user(day.IntN(20))))
				case n < 7 && len(here) > 0:
					here[day.IntN(len(here))].say(`{"message": "hello"}`)
				case len(here) > 0:
					i := day.IntN(len(here))
					here[i].end(day.IntN(2) == 0)
					here = slices.Delete(here, i, i+1)
				}
				time.Sleep(time.Duration(day.IntN(80)) * time.Second) // fake
			}
			time.Sleep(2 * time.Second)
			var sockets []string
			for _, c := range here {
				sockets = append(sockets, c.email)
			}
			b.wantOnline(look, sockets...)
		}
		// Whoever stops answering is gone.
		for _, c := range here {
			c.freeze()
		}
		time.Sleep(bubblePing + 32*time.Second)
		b.wantOnline(24)
	})
}

// Somebody deletes a user's row, with the longest lease that the promise is of and the
// last look just over: it is back within a minute.
func TestActiveConnectionThatWasDeletedByHandIsBackWithinAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, 30*time.Second)
		hand := &world{T: t, url: b.url}
		b.connect(user(0))
		for round := range 5 {
			hand.exec("DELETE FROM active_websocket_connections")
			time.Sleep(time.Minute + time.Second) // fake
			b.wantOnline(round, user(0))
		}
	})
}

// The day would be spent on renewals and pings if they were as frequent as by default.
const (
	bubbleLease = 10 * time.Minute
	bubblePing  = time.Minute
)

// bubble is a server in fake time.
type bubble struct {
	*testing.T
	url      string
	presence *actors.Presence
	listener *pipes
}

func newBubble(t *testing.T, lease time.Duration) *bubble {
	t.Helper()
	b := &bubble{T: t, url: persistencetest.SQLite(t), listener: newPipes()}
	w := newWorld(t, b.url)
	db, err := persistence.Open(t.Context(), w.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { time.Sleep(time.Minute) }) // at the very end: timers end
	b.presence = inside{
		db: db, listener: b.listener, lease: lease, pingInterval: bubblePing, connectTimeout: 5 * time.Second,
	}.start(t)
	return b
}

// wantOnline is the invariant, at this instant.
func (b *bubble) wantOnline(look int, sockets ...string) {
	b.Helper()
	synctest.Wait()
	slices.Sort(sockets)
	emails := slices.Compact(slices.Clone(sockets))
	s, err := b.presence.Snapshot(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	var listed []string
	for e := range s.Entries {
		listed = append(listed, string(e.Email))
	}
	slices.Sort(listed)
	active, sessions := persistencetest.Active(b, b.url), persistencetest.Sessions(b, b.url)
	if !slices.Equal(listed, emails) || !slices.Equal(active, emails) || !slices.Equal(sessions, sockets) {
		b.Fatalf("at look %d:\nsockets  %v\nlisted   %v\nrows     %v\nsessions %v", look, sockets, listed, active, sessions)
	}
}

// bubbleClient is a client that answers pings, as browsers do, until it is frozen.
type bubbleClient struct {
	*websocket.Conn
	email  string
	frozen chan struct{}
	once   sync.Once
}

func (b *bubble) connect(email string) *bubbleClient {
	b.Helper()
	dialer := websocket.Dialer{NetDialContext: b.listener.dial}
	conn, _, err := dialer.DialContext(b.Context(), "ws://bubble/ws/connect/?email="+email, nil)
	if err != nil {
		b.Fatal(err)
	}
	c := &bubbleClient{Conn: conn, email: email, frozen: make(chan struct{})}
	answer := c.PingHandler()
	c.SetPingHandler(func(payload string) error {
		select {
		case <-c.frozen:
			return nil
		default:
			return answer(payload)
		}
	})
	greeted := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			if _, _, err := c.ReadMessage(); err != nil {
				return
			}
			if first {
				close(greeted)
			}
		}
	}()
	b.Cleanup(func() { _ = c.Close() })
	<-greeted
	return c
}

func (c *bubbleClient) say(text string) { _ = c.WriteMessage(websocket.TextMessage, []byte(text)) }

// end closes, with or without a word.
func (c *bubbleClient) end(politely bool) {
	if politely {
		_ = c.WriteControl(websocket.CloseMessage, nil, time.Now().Add(time.Second))
	}
	_ = c.Close()
}

// freeze leaves the connection open and the client deaf.
func (c *bubbleClient) freeze() { c.once.Do(func() { close(c.frozen) }) }

// pipes is a listener whose connections are in memory.
type pipes struct {
	waiting chan net.Conn
	closed  context.Context
	close   context.CancelFunc
}

func newPipes() *pipes {
	p := &pipes{waiting: make(chan net.Conn)}
	p.closed, p.close = context.WithCancel(context.Background())
	return p
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	p.waiting <- server
	return client, nil
}

// Accept implements [net.Listener].
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed.Done():
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (p *pipes) Close() error {
	p.close()
	return nil
}

// Addr implements [net.Listener].
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }
