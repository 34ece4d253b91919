package transport

import (
	"sync/atomic"
	"testing"
)

// Whoever is taken for calm is not looked at: what is under way would have no end.
func TestOnlyWhoHasNothingUnderWayIsCalm(t *testing.T) {
	const now, interval = 1000, 100
	quiet := func() *times {
		s := new(times)
		s.heard.Store(now - interval)
		return s
	}
	if !quiet().calm(now, interval) {
		t.Error("one that was heard within the interval is not calm")
	}
	for what, of := range map[string]func(*times) (field *atomic.Int64, value int64){
		"silent":                 func(s *times) (*atomic.Int64, int64) { return &s.heard, now - interval - 1 },
		"asked by a ping":        func(s *times) (*atomic.Int64, int64) { return &s.pinged, now },
		"waited for to read":     func(s *times) (*atomic.Int64, int64) { return &s.stalled, now + 1 },
		"in the midst of a text": func(s *times) (*atomic.Int64, int64) { return &s.unfinished, now + 1 },
	} {
		s := quiet()
		field, value := of(s)
		if field.Store(value); s.calm(now, interval) {
			t.Errorf("one that is %s is calm", what)
		}
	}
}
