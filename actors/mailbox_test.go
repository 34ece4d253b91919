package actors

import (
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// invoker is the actor behind a mailbox. It must be called by one at a time.
type invoker struct {
	mu      sync.Mutex
	handled []any
	failed  []any
	busy    bool
	twice   bool
	hold    chan struct{} // a message that is this one waits for it
	wait    *sync.WaitGroup
}

func (i *invoker) InvokeSystemMessage(m any) { i.InvokeUserMessage(m) }

func (i *invoker) InvokeUserMessage(m any) {
	i.mu.Lock()
	i.twice = i.twice || i.busy
	i.busy = true
	i.mu.Unlock()
	if m == any(i.hold) {
		<-i.hold
	}
	defer func() {
		i.mu.Lock()
		i.busy = false
		i.handled = append(i.handled, m)
		i.mu.Unlock()
		i.wait.Done()
	}()
	if m == any("panic") {
		panic("fault: the message")
	}
}

func (i *invoker) EscalateFailure(_, message any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.failed = append(i.failed, message)
}

func newTestMailbox(expect int) (*mailbox, *invoker) {
	m, i := &mailbox{}, &invoker{wait: &sync.WaitGroup{}, hold: make(chan struct{})}
	i.wait.Add(expect)
	m.RegisterHandlers(i, nil)
	return m, i
}

// Whoever reads a frame has it handled when it is brought.
func TestFrameIsHandledByWhoBringsIt(t *testing.T) {
	m, i := newTestMailbox(1)
	f := &Received{}
	m.PostUserMessage(f)
	if !slices.Contains(i.handled, any(f)) {
		t.Error("the frame waits for somebody else")
	}
}

// Nobody else may be held up by a session, however busy it is: it would be the
// registry.
func TestSenderOfAnotherMessageIsNotHeldUp(t *testing.T) {
	m, i := newTestMailbox(4)
	m.PostUserMessage(i.hold) // returns at once, and the session is stuck
	m.PostUserMessage(&Gone{})
	m.PostUserMessage(&Received{})
	m.PostSystemMessage("stop")
	if n := m.UserMessageCount(); n != 2 {
		t.Errorf("%d messages wait, want 2", n)
	}
	close(i.hold)
	i.wait.Wait()
	if i.handled[1] != any("stop") {
		t.Errorf("handled were %v, and no system message first", i.handled)
	}
}

// A crowd that leaves at once is very many system messages, and whoever asks meanwhile
// must not wait for the last of them.
func TestUserMessageHasItsTurnAmongManySystemMessages(t *testing.T) {
	const crowd = 4 * systemAtOnce
	m, i := newTestMailbox(crowd + 3)
	m.PostUserMessage(i.hold)
	for range crowd {
		m.PostSystemMessage("leave")
	}
	m.PostUserMessage("ask")
	m.PostUserMessage("ask")
	close(i.hold)
	i.wait.Wait()
	if i.handled[1+systemAtOnce] != any("ask") || i.handled[2+2*systemAtOnce] != any("ask") {
		t.Errorf("handled were %v", i.handled)
	}
}

// A failure lets user messages wait until the supervisor has decided, and loses none.
func TestSuspendedMailboxKeepsItsMessages(t *testing.T) {
	m, i := newTestMailbox(1)
	m.PostUserMessage("panic")
	i.wait.Wait()
	m.PostSystemMessage(&actor.SuspendMailbox{})
	settled(m)
	i.wait.Add(3)
	m.PostUserMessage(&Received{})
	m.PostUserMessage(&Gone{})
	m.PostSystemMessage("while suspended")
	settled(m)
	if n := m.UserMessageCount(); n != 2 || len(i.failed) != 1 || len(i.handled) != 2 {
		t.Errorf("%d wait, %v failed, %v were handled", n, i.failed, i.handled)
	}
	m.PostSystemMessage(&actor.ResumeMailbox{})
	i.wait.Wait()
}

// settled waits until nobody runs.
func settled(m *mailbox) {
	for {
		m.mu.Lock()
		running := m.running
		m.mu.Unlock()
		if !running {
			return
		}
		runtime.Gosched()
	}
}

// Many send at once: each message is handled once, those of one sender in order, and
// never two at a time.
func TestMessagesOfManySendersAreHandledOneByOne(t *testing.T) {
	const senders, each = 8, 2000
	type numbered struct{ sender, n int }
	m, i := newTestMailbox(2 * senders * each)
	for sender := range senders {
		go func() {
			for n := range each {
				m.PostUserMessage(numbered{sender, n})
				m.PostUserMessage(&Received{})
			}
		}()
	}
	i.wait.Wait()
	next := make([]int, senders)
	for _, one := range i.handled {
		if one, ok := one.(numbered); ok {
			if one.n != next[one.sender] {
				t.Fatalf("message %d of sender %d comes where %d should", one.n, one.sender, next[one.sender])
			}
			next[one.sender]++
		}
	}
	if i.twice {
		t.Error("two messages were handled at a time")
	}
}

// A failure is the end of what an actor may hear until somebody has decided about it,
// whatever stands in line before the library's word.
func TestNoUserMessageAfterAFailure(t *testing.T) {
	m, i := newTestMailbox(systemAtOnce + 1)
	m.PostUserMessage(i.hold)
	for range systemAtOnce - 1 {
		m.PostSystemMessage("system")
	}
	m.PostSystemMessage("panic")
	m.PostUserMessage("user")
	close(i.hold)
	i.wait.Wait()
	i.wait.Add(1)
	m.PostSystemMessage(&actor.ResumeMailbox{})
	i.wait.Wait() // hangs if it was handled before
	if last := i.handled[len(i.handled)-1]; last != any("user") {
		t.Errorf("the last message that was handled is %v, want the user's", last)
	}
}
