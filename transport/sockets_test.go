package transport

import (
	"slices"
	"testing"
)

// Whoever leaves takes nobody else off the list: else that one would get no pings,
// and stay when the server goes.
func TestOneSocketLeavesTheList(t *testing.T) {
	for leaver := range 3 {
		s := newSockets(3, 0)
		want := []*socket{{}, {}, {}}
		for _, one := range want {
			if !s.reserve("nowhere") {
				t.Fatal("there is no place")
			}
			s.add(one)
		}
		for range want { // each of them, one after the other
			gone := want[leaver%len(want)]
			s.remove(gone)
			want = slices.DeleteFunc(want, func(one *socket) bool { return one == gone })
			if s.live[:len(s.live)+1][len(s.live)] != nil {
				t.Error("a socket that left is still in memory")
			}
			left := s.all()
			for _, one := range want {
				if !slices.Contains(left, one) {
					t.Errorf("a socket is not on the list any more, after the %dth left", leaver)
				}
			}
			if len(left) != len(want) || s.count() != len(want) {
				t.Errorf("%d sockets are on the list and %d are counted, and %d are there", len(left), s.count(), len(want))
			}
		}
	}
}
