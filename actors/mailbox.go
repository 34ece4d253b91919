package actors

import (
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// throughput is how many messages a session handles before it lets others go on.
const throughput = 300

// mailbox is a session's. It is the library's, but that a frame is handled by
// whoever brings it, if the session is idle: to wake a goroutine for each would
// take longer than the answer. Every other message is handled by a goroutine of
// its own, so that whoever sends one, the registry above all, never waits for a
// session.
type mailbox struct {
	actor.Mailbox
	bringing atomic.Int32 // how many bring a frame at this moment
}

func newMailbox() actor.MailboxProducer {
	inner := actor.UnboundedLockfree()
	return func() actor.Mailbox { return &mailbox{Mailbox: inner()} }
}

// PostUserMessage implements the library's Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	if _, ok := message.(*Received); ok {
		m.bringing.Add(1)
		defer m.bringing.Add(-1)
	}
	m.Mailbox.PostUserMessage(message)
}

// RegisterHandlers implements the library's Mailbox: it is its own dispatcher.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.Mailbox.RegisterHandlers(invoker, m)
}

// Schedule implements the library's Dispatcher. Another message that comes at the
// very moment of a frame may find itself handled by its sender too: it takes as
// long as a frame then.
func (m *mailbox) Schedule(handle func()) {
	if m.bringing.Load() > 0 {
		handle()
	} else {
		go handle()
	}
}

// Throughput implements the library's Dispatcher.
func (m *mailbox) Throughput() int { return throughput }
