package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// memoryLook is how often the server looks whether it has become quiet.
	memoryLook = 10 * time.Second
	// busyShare is how much a busy server allocates between two looks: this part
	// of what is alive, and busyLeast at least. What it has freed it needs again. More
	// than busyMost is busy however much is alive: where that is much, a collection is
	// long, and would come in the middle of a storm.
	busyShare = 4
	busyLeast = 4 << 20
	busyMost  = 128 << 20
	// garbageShare is how much garbage a quiet server keeps: this part of what is
	// alive. Pings leave some, and the collector alone would let it grow for minutes
	// to as much as that.
	garbageShare = 8
)

// giveMemoryBack returns to the system what a burst has left behind, once the
// server is quiet again, and from time to time what little a quiet server leaves.
// The collector alone keeps twice what is alive, as room for the next burst: for a
// server that mostly holds idle sockets that is half of all it takes. It costs one
// collection each time.
func giveMemoryBack(ctx context.Context) {
	every := time.NewTicker(memoryLook)
	defer every.Stop()
	allocated, _ := heap()
	g := garbage{before: allocated, given: allocated}
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		if g.due(heap()) {
			debug.FreeOSMemory()
		}
	}
}

// garbage is what was allocated, in bytes, at two moments.
type garbage struct {
	before uint64 // at the last look
	given  uint64 // when memory was last given back
}

// due looks whether memory is to be given back now.
func (g *garbage) due(allocated, live uint64) bool {
	busy := allocated-g.before > min(max(live/busyShare, busyLeast), busyMost)
	g.before = allocated
	if busy || allocated-g.given <= live/garbageShare {
		return false
	}
	g.given = allocated
	return true
}

// heap returns the bytes that were ever allocated, and those that the last
// collection found alive.
func heap() (allocated, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
