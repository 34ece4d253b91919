package actors

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// systemAtOnce is how many system messages are handled before a user message that
// waits has its turn. When very many sessions end at once, their ends would else be all
// that the registry hears for as long: nobody would be told who is here, and nothing
// committed.
const systemAtOnce = 16

// mailbox is a session's, and the registry's. A frame is handled by whoever brings it,
// if the session is idle: to wake a goroutine for each would take longer than the
// answer. Every other message gets a goroutine of its own, so that whoever sends one,
// the registry above all, never waits for a session. The library's can do neither, and
// is three times as large.
//
// It implements the library's Mailbox: system messages come first, up to systemAtOnce,
// a failure is escalated, and from then on user messages wait until the mailbox is
// resumed.
type mailbox struct {
	invoker actor.MessageInvoker

	mu        sync.Mutex // guards what follows
	running   bool       // somebody handles messages
	suspended bool
	since     uint8 // system messages since the last user message
	system    []any
	user      []any
}

func newMailbox() actor.Mailbox { return &mailbox{} }

// RegisterHandlers implements the library's Mailbox.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker = invoker
}

// Start implements the library's Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements the library's Mailbox.
func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.user)
}

// PostUserMessage implements the library's Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	m.mu.Lock()
	if m.running || m.suspended {
		m.user = append(m.user, message)
		m.mu.Unlock()
		return
	}
	m.running = true
	m.mu.Unlock()
	if _, frame := message.(*Received); frame {
		m.run(letter{message, false})
	} else {
		go m.run(letter{message, false})
	}
}

// PostSystemMessage implements the library's Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	m.mu.Lock()
	if m.running {
		m.system = append(m.system, message)
		m.mu.Unlock()
		return
	}
	m.running = true
	m.mu.Unlock()
	go m.run(letter{message, true})
}

// letter is one message.
type letter struct {
	message any
	system  bool
}

// run handles a message, and what comes meanwhile.
func (m *mailbox) run(l letter) {
	for more := true; more; l, more = m.next() {
		m.handle(l)
	}
}

// next takes the next message, or ends the running.
func (m *mailbox) next() (l letter, more bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	waits := !m.suspended && len(m.user) > 0
	switch {
	case len(m.system) > 0 && (!waits || m.since < systemAtOnce):
		m.since = min(m.since+1, systemAtOnce)
		l.message, m.system = first(m.system)
		return letter{l.message, true}, true
	case waits:
		m.since = 0
		l.message, m.user = first(m.user)
		return l, true
	}
	m.running = false
	return l, false
}

// first takes the first of a queue. An empty one holds nothing.
func first(queue []any) (message any, rest []any) {
	if len(queue) == 1 {
		return queue[0], nil
	}
	message, queue[0] = queue[0], nil
	return message, queue[1:]
}

func (m *mailbox) handle(l letter) {
	defer func() {
		if reason := recover(); reason != nil {
			m.suspend(true) // the library's word for it would stand in line
			m.invoker.EscalateFailure(reason, l.message)
		}
	}()
	switch l.message.(type) {
	case *actor.SuspendMailbox:
		m.suspend(true)
	case *actor.ResumeMailbox:
		m.suspend(false)
	default:
		if l.system {
			m.invoker.InvokeSystemMessage(l.message)
		} else {
			m.invoker.InvokeUserMessage(l.message)
		}
	}
}

func (m *mailbox) suspend(suspended bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.suspended = suspended
}
