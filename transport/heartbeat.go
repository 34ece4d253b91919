package transport

import (
	"context"
	"time"

	"github.com/rollcall/rollcall"
)

// heartbeat checks every socket, over and over: one clock for all of them,
// where a timer for each would be held by every idle socket.
func (s *sockets) heartbeat(ctx context.Context, pingInterval, pongTimeout time.Duration) {
	every := min(max(min(pingInterval, pongTimeout)/4, 10*time.Millisecond), time.Second)
	t := time.NewTicker(every)
	defer t.Stop()
	var all []*socket
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		all = s.appendAll(all[:0])
		for _, one := range all {
			one.beat(pingInterval, pongTimeout)
		}
		clear(all) // who has gone is not held until the next time
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
	if stalled == 0 && unfinished == 0 && pinged <= heard && now-heard <= int64(pingInterval) {
		return // as a rule, and without the lock
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
