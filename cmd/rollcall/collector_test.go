package main

import (
	"runtime"
	"testing"
)

// Until the heap has its least size nothing is collected, and from then on the
// collector keeps to Go's rule: the heap of a large server must not grow more.
func TestHeapGrowsToItsLeastSizeAndThenAsUsual(t *testing.T) {
	const mebibyte = 1 << 20
	for _, c := range []struct{ live, scanned, goal uint64 }{
		{0, 0, heapLeast}, // as before the first collection
		{8 * mebibyte, 2 * mebibyte, heapLeast},
		{30 * mebibyte, 0, heapLeast},
		{heapLeast / 2, 0, heapLeast},
		{60 * mebibyte, 0, 120 * mebibyte},
		{1000 * mebibyte, 4 * mebibyte, 2004 * mebibyte},
	} {
		percent := growth(c.live, c.scanned)
		goal := c.live + max(c.live+c.scanned, heapBegins)*uint64(percent)/100
		if goal > c.goal || goal < c.goal-mebibyte {
			t.Errorf("with %d bytes alive the heap is collected at %d, want %d", c.live, goal, c.goal)
		}
	}
}

// The rule follows what is alive only if each collection is noticed.
func TestEveryCollectionIsNoticed(t *testing.T) {
	noticed := make(chan struct{}, 1)
	afterCollections(func() {
		select {
		case noticed <- struct{}{}:
		default:
		}
	})
	<-noticed
	for range 3 {
		runtime.GC()
		<-noticed
	}
}
