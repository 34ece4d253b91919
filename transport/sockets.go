package transport

import (
	"context"
	"sync"
)

// sockets is every live socket, and the places there are for more.
type sockets struct {
	most        int // in all
	mostAddress int // from one address; 0 is no limit
	mu          sync.Mutex
	taken       int
	byAddress   map[string]int // only kept if there is a limit
	live        []*socket      // each knows its place, and most lie in memory in this order
	budget      budget
	empty       chan struct{} // closed when the last place is given back, if somebody waits
}

func newSockets(most, mostAddress int) *sockets {
	return &sockets{
		most:        most,
		mostAddress: mostAddress,
		byAddress:   make(map[string]int),
	}
}

// reserve takes a place, if there is one.
func (s *sockets) reserve(address string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.taken >= s.most {
		return false
	}
	if s.mostAddress > 0 {
		if s.byAddress[address] >= s.mostAddress {
			return false
		}
		s.byAddress[address]++
	}
	s.taken++
	return true
}

// release gives a place back.
func (s *sockets) release(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBack(address)
}

func (s *sockets) giveBack(address string) {
	s.taken--
	if s.mostAddress > 0 {
		if s.byAddress[address]--; s.byAddress[address] == 0 {
			delete(s.byAddress, address)
		}
	}
	if s.taken == 0 && s.empty != nil {
		close(s.empty)
		s.empty = nil
	}
}

// count is how many places are taken.
func (s *sockets) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken
}

// add notes the socket that a reserved place is for.
func (s *sockets) add(one *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	one.place = len(s.live)
	s.live = append(s.live, one)
}

// remove forgets a socket, and gives its place back.
func (s *sockets) remove(one *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.live) - 1
	s.live[one.place], s.live[last].place = s.live[last], one.place
	s.live[last] = nil
	s.live = s.live[:last]
	s.giveBack(one.address)
}

// all copies the list, since a check that closes a socket may change it.
func (s *sockets) all() []*socket { return s.appendAll(nil) }

func (s *sockets) appendAll(list []*socket) []*socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append(list, s.live...)
}

// wait waits until no socket is left.
func (s *sockets) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.taken == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.empty == nil {
		s.empty = make(chan struct{})
	}
	empty := s.empty
	s.mu.Unlock()
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
