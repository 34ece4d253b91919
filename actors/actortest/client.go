package actortest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/actors"
)

// Client is a client with its socket, in memory. It implements [rollcall.Socket].
type Client struct {
	Email    rollcall.Email
	kit      *Kit
	patience time.Duration // how long it waits to be admitted
	began    time.Time
	answered chan struct{}

	mu      sync.Mutex
	session rollcall.Session
	frames  []string
	ended   *rollcall.Close
	endedAt time.Time
}

// connect does what the transport does with a socket.
func (c *Client) connect(p *actors.Presence) {
	ctx, cancel := context.WithTimeout(context.Background(), c.patience)
	defer cancel()
	defer close(c.answered)
	session, err := p.Admit(ctx, rollcall.Connect{Email: c.Email, Socket: c, Address: "192.0.2.1:1", UserAgent: "actortest"})
	if err != nil {
		why, ok := errors.AsType[rollcall.Close](err)
		if !ok {
			why = rollcall.CloseInternalError
		}
		c.Close(why)
		return
	}
	c.mu.Lock()
	c.session = session
	ended := c.ended != nil
	c.mu.Unlock()
	if ended {
		session.Leave()
	}
}

// Send implements [rollcall.Socket].
func (c *Client) Send(frame []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return false
	}
	c.frames = append(c.frames, string(frame))
	return true
}

// Close implements [rollcall.Socket].
func (c *Client) Close(why rollcall.Close) {
	c.mu.Lock()
	if c.ended != nil {
		c.mu.Unlock()
		return
	}
	c.ended, c.endedAt = &why, time.Now()
	session := c.session
	c.mu.Unlock()
	if session != nil {
		session.Leave()
	}
}

// Ended implements [rollcall.Socket].
func (c *Client) Ended() (rollcall.Close, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended == nil {
		return rollcall.Close{}, false
	}
	return *c.ended, true
}

// Break ends the socket without a word to its session, which finds out when it
// sends.
func (c *Client) Break(why rollcall.Close) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended, c.endedAt = &why, time.Now()
}

// Leave is the client closing its socket.
func (c *Client) Leave() { c.Close(rollcall.CloseNormal) }

// Say sends one text message.
func (c *Client) Say(text string) { c.send(textFrame(text)) }

// Crash sends a message that the session crashes of, in the middle of its own code.
func (c *Client) Crash() { c.send(crashingFrame{}) }

func (c *Client) send(frame rollcall.Frame) {
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session == nil {
		c.kit.Errorf("%s was not admitted and cannot say anything", c.Email)
		return
	}
	session.Receive(frame)
}

// Frames is what the client has read.
func (c *Client) Frames() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.frames)
}

// WantEnd checks that the socket ended so.
func (c *Client) WantEnd(want rollcall.Close) {
	c.kit.Helper()
	if why, ended := c.Ended(); !ended || why != want {
		c.kit.Errorf("the socket of %s ended %v with %v, want %v", c.Email, ended, why, want)
	}
}

// WantLate checks that the client was told to come again when it had waited for
// as long as it would, and not a moment before or after.
func (c *Client) WantLate() {
	c.kit.Helper()
	c.WantEnd(rollcall.CloseTryAgainLater)
	c.mu.Lock()
	defer c.mu.Unlock()
	if waited := c.endedAt.Sub(c.began); waited != c.patience {
		c.kit.Errorf("%s was told so after %s, want %s", c.Email, waited, c.patience)
	}
}

// WantOpen checks that the socket is open and was greeted, once.
func (c *Client) WantOpen() {
	c.kit.Helper()
	if why, ended := c.Ended(); ended {
		c.kit.Errorf("the socket of %s ended with %v, want it open", c.Email, why)
	}
	greetings := 0
	for _, f := range c.Frames() {
		if f == string(rollcall.Greeting(c.Email)) {
			greetings++
		}
	}
	if greetings != 1 {
		c.kit.Errorf("%s was greeted %d times, want once", c.Email, greetings)
	}
}

// textFrame is a text message.
type textFrame string

// Text implements [rollcall.Frame].
func (f textFrame) Text() ([]byte, bool) { return []byte(f), true }

// Release implements [rollcall.Frame].
func (f textFrame) Release() {}

// crashingFrame is a message that cannot be read.
type crashingFrame struct{ textFrame }

// Text implements [rollcall.Frame].
func (crashingFrame) Text() ([]byte, bool) { panic("fault: amid") }
