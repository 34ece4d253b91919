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
}

func (s *session) Receive(c actor.Context) {
	if s.socket == nil {
		return
	}
	defer s.crashed()
	switch m := c.Message().(type) {
	case *actor.Started:
		s.started(c)
	case *Received:
		s.received(c, m.Frame)
	case *End:
		s.end(c, m.Close)
	case *Gone:
		c.Stop(c.Self())
	}
}

// started greets. A socket that closed while its connect was decided cannot
// be: its session ends as it began.
func (s *session) started(c actor.Context) {
	if !s.socket.Send(rollcall.Greeting(s.email)) {
		c.Stop(c.Self())
	}
	s.pulse.greeted.Store(true)
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

// crashed tells the client at once. Supervision runs in the registry, which may be
// stuck just then, and stops the session when it is not; whatever socket is open
// after that is the registry's to close.
func (s *session) crashed() {
	if reason := recover(); reason != nil {
		s.socket.Close(rollcall.CloseInternalError)
		panic(reason)
	}
}
