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
	sending  atomic.Int32 // how many bring something else
}

func newMailbox() actor.MailboxProducer {
	inner := actor.UnboundedLockfree()
	return func() actor.Mailbox { return &mailbox{Mailbox: inner()} }
}

// PostUserMessage implements the library's Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	kind := &m.sending
	if _, ok := message.(*Received); ok {
		kind = &m.bringing
	}
	kind.Add(1)
	defer kind.Add(-1)
	m.Mailbox.PostUserMessage(message)
}

// PostSystemMessage implements the library's Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	m.sending.Add(1)
	defer m.sending.Add(-1)
	m.Mailbox.PostSystemMessage(message)
}

// RegisterHandlers implements the library's Mailbox: it is its own dispatcher.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.Mailbox.RegisterHandlers(invoker, m)
}

// Schedule implements the library's Dispatcher. It does not know who calls: when
// something else comes at the very moment of a frame, nobody handles it himself.
func (m *mailbox) Schedule(handle func()) {
	if m.bringing.Load() > 0 && m.sending.Load() == 0 {
		handle()
	} else {
		go handle()
	}
}

// Throughput implements the library's Dispatcher.
func (m *mailbox) Throughput() int { return throughput }
