package transport

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	// pingsAtOnce is how many sockets are seen to before the answers to their pings
	// are read. One thread reads them then, which was not woken for each: that takes
	// longer than the reading. Whoever else sends something meanwhile waits for it
	// too, for a millisecond or two.
	pingsAtOnce = 64
	// answerPause is until the next ones' turn, and mostTurns how many turns there
	// are: with more to see to, they are longer.
	answerPause = time.Millisecond
	mostTurns   = 256
)

// times are what a socket's heartbeat looks at, since began and 0 for what is not.
// They lie close to each other, since a look at everybody mostly waits for memory.
type times struct {
	heard      atomic.Int64
	pinged     atomic.Int64 // when the last ping was queued; 0 if none is open
	stalled    atomic.Int64 // when the client will have been too slow for the writer; 0 if none waits
	unfinished atomic.Int64 // when it will have been for the reader, or its goodbye is due; 0 if no message is under way
}

// calm reports whether there is nothing to do, as a rule and without the lock.
func (t *times) calm(now int64, pingInterval time.Duration) bool {
	heard := t.heard.Load()
	return now-heard <= int64(pingInterval) && t.pinged.Load() <= heard &&
		t.stalled.Load() == 0 && t.unfinished.Load() == 0
}

// heartbeat checks every socket, over and over: one clock for all of them,
// where a timer for each would be held by every idle socket.
func (s *sockets) heartbeat(ctx context.Context, l lot, pingInterval, pongTimeout time.Duration) {
	every := min(max(min(pingInterval, pongTimeout)/4, 10*time.Millisecond), time.Second)
	t := time.NewTicker(every)
	defer t.Stop()
	var all, due []*socket
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		all = s.appendAll(all[:0])
		now := instant()
		for _, one := range all {
			if !one.calm(now, pingInterval) {
				due = append(due, one)
			}
		}
		inTurns(l, due, func(one *socket) { one.beat(pingInterval, pongTimeout) })
		clear(all) // who has gone is not held until the next time
		clear(due)
		due = due[:0]
	}
}

// inTurns sees to some sockets after others, and leaves the lot some time for what
// these answer.
func inTurns(l lot, due []*socket, see func(*socket)) {
	for some := range slices.Chunk(due, max(pingsAtOnce, len(due)/mostTurns)) {
		if l != nil {
			l.mute(true)
		}
		for _, one := range some {
			see(one)
		}
		if l != nil {
			l.mute(false)
			<-time.After(answerPause)
		}
	}
}

// beat is the socket's heartbeat, called by the one clock of all sockets, which
// no socket may stop.
func (s *socket) beat(pingInterval, pongTimeout time.Duration) {
	defer func() { s.survive(recover()) }()
	s.check(pingInterval, pongTimeout)
}

func (s *socket) check(pingInterval, pongTimeout time.Duration) {
	now, heard, pinged := s.now(), s.heard.Load(), s.pinged.Load()
	stalled, unfinished := s.stalled.Load(), s.unfinished.Load()
	if said := s.goodbye.Load(); said != nil && now > said.due {
		s.Close(said.Close)
		return
	}
	s.mu.Lock()
	greeted := s.session != nil
	s.mu.Unlock()
	if _, ended := s.Ended(); ended || !greeted {
		return // nothing comes before the greeting, and its wait is bounded
	}
	switch {
	case stalled != 0 && now > stalled:
		s.Close(rollcall.CloseSlow)
	case unfinished != 0 && now > unfinished:
		s.Close(rollcall.CloseSlowMessage)
	case pinged > heard:
		if now-pinged > int64(pongTimeout) {
			s.Close(rollcall.CloseTimeout)
		}
	case now-heard > int64(pingInterval):
		s.pinged.Store(now)
		s.sendPing()
	}
}
