package actors

import "sync/atomic"

// steps lets anybody see, without asking the registry, that nothing has happened
// since a snapshot. The registry takes a step with each message.
type steps struct {
	count   atomic.Uint64 // odd while one is taken, or when one was ended by a crash
	version atomic.Uint64 // of the listing, after the last
}

func (s *steps) begin() { s.count.Store(s.count.Load() | 1) }

func (s *steps) end(version uint64) {
	s.version.Store(version)
	s.count.Store(s.count.Load() + 1)
}

// Version implements [rollcall.Presence]. What a session has done and the registry
// has not seen is a change too.
func (p *Presence) Version() (version uint64, known bool) {
	before := p.steps.count.Load()
	if before%2 == 1 || p.beats.top.Load() != nil {
		return 0, false
	}
	version = p.steps.version.Load()
	return version, p.steps.count.Load() == before
}
