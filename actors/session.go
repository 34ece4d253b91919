package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// session is the actor that owns one socket. It is never restarted: a new
// actor on an old socket would lie about what the client has been told. One
// without a socket is inert: see newRegistry.
type session struct {
	email  rollcall.Email
	socket rollcall.Socket
	pulse  *pulse
	beats  *beats
	gone   bool // stopping for its client's sake
}

func (s *session) Receive(c actor.Context) {
	if s.socket == nil {
		return
	}
	switch m := c.Message().(type) {
	case *actor.Started:
		s.started(c)
	case *Received:
		s.received(c, m.Frame)
	case *End:
		s.end(c, m.Close)
	case *Gone:
		s.gone = true
		c.Stop(c.Self())
	case *actor.Stopping:
		s.stopping()
	}
}

// started greets. A socket that closed while its connect was decided cannot
// be: its session ends as it began.
func (s *session) started(c actor.Context) {
	if !s.socket.Send(rollcall.Greeting(s.email)) {
		c.Stop(c.Self())
	}
}

// received answers one frame. It counts before the client hears of it, so that a
// client that has its reply finds itself active in the snapshot.
func (s *session) received(c actor.Context, f rollcall.Frame) {
	s.beats.push(s.pulse, time.Now())
	if !s.socket.Send(s.reply(f)) {
		c.Stop(c.Self())
	}
}

// reply gives the frame back when it has been read: it and its reply are not
// both held.
func (s *session) reply(f rollcall.Frame) []byte {
	defer f.Release()
	payload, isText := f.Text()
	if !isText {
		return rollcall.TextExpected()
	}
	return rollcall.Reply(s.email, payload)
}

func (s *session) end(c actor.Context, why rollcall.Close) {
	s.socket.Close(why)
	c.Stop(c.Self())
}

// stopping closes the socket of a session that crashed. After an End it is
// closed already, and one whose client is gone is the registry's to close. It
// must not panic, since that would wedge the actor.
func (s *session) stopping() {
	defer func() { _ = recover() }()
	if !s.gone {
		s.socket.Close(rollcall.CloseInternalError)
	}
}
