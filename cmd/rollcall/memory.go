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
	// of what is alive, and busyLeast at least.
	busyShare = 4
	busyLeast = 4 << 20
)

// giveMemoryBack returns to the system what a burst has left behind, once the
// server is quiet again. The collector alone keeps twice what is alive, as room
// for the next burst: for a server that mostly holds idle sockets that is half of
// all it takes. It costs one collection after each burst.
func giveMemoryBack(ctx context.Context) {
	every := time.NewTicker(memoryLook)
	defer every.Stop()
	busy := false
	before, _ := heap()
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return
		}
		allocated, live := heap()
		switch {
		case allocated-before > max(live/busyShare, busyLeast):
			busy = true
		case busy:
			debug.FreeOSMemory()
			busy = false
		}
		before = allocated
	}
}

// heap returns the bytes that were ever allocated, and those that the last
// collection found alive.
func heap() (allocated, live uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}}
	metrics.Read(samples)
	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}
